"""The methods about films of the sync client and of the async one."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TypeVar

from reelbus_client.events import EventCursor, film_cursor
from reelbus_client.films import FilmFields, FilmFlows, film_context
from reelbus_client.models import FilmListing, FilmPlan, FilmView
from reelbus_client.steps import Flow
from reelbus_client.video import FilmNews, News

T = TypeVar("T")
N = TypeVar("N", News, FilmNews)


class FilmCalls:
    """A part of `Reelbus`: storyboards in, films out."""

    _away_at_most_s: float
    _films: FilmFlows

    @abstractmethod
    def _run(self, flow: Flow[T], timeout_s: float | None = None) -> T: ...

    @abstractmethod
    def _follow(self, cursor: EventCursor[N]) -> Iterator[N]: ...

    def generate_film(self, storyboard: FilmFields, *, timeout_s: float | None = None) -> FilmView:
        """Order the film, unless it exists, and return it when it has a file, however long it takes.

        Raises `ReelbusError`, whose `film` has each scene if the film ended without a file, and `WaitTimeout` after
        `timeout_s`; the film goes on then, and the same call waits for it again.
        """
        return self._run(self._films.generate(storyboard), timeout_s)

    def plan_film(self, storyboard: FilmFields) -> FilmPlan:
        """Return the price, scene by scene, and what would refuse the order. Nothing is made or written."""
        return self._run(self._films.plan(storyboard))

    def order_film(self, storyboard: FilmFields, *, timeout_s: float | None = None) -> FilmView:
        """Order all new scenes, or none, and return the film at once. The same storyboard again is the same film."""
        return self._run(self._films.order(storyboard), timeout_s)

    def film(self, film_id: str) -> FilmView:
        """Return the film with the state of each scene. Raises `ReelbusError`."""
        return self._run(self._films.film(film_id))

    def wait_for_film(self, film_id: str, *, revision: int | None = None, timeout_s: float | None = None) -> FilmView:
        """Return the film when it has a file. Raises as `generate_film` does, and if it has another `revision`."""
        return self._run(self._films.wait(film_id, revision), timeout_s)

    def cancel_film(self, film_id: str) -> FilmView:
        """Cancel the film and return it: no scene is sent any more. What was sent is paid, and kept."""
        return self._run(self._films.cancel(film_id))

    def retake_scene(self, film_id: str, scene: str, *, take: int, max_cost_usd: float | None = None) -> FilmView:
        """Order the next revision with another take of one scene, and return it at once. A repeated call pays once."""
        return self._run(self._films.retake(film_id, scene, take, max_cost_usd))

    def list_films(self, **filters: object) -> FilmListing:
        """Return a page of films, the newest first: `state`, `project_id`, `limit`, `cursor`."""
        return self._run(self._films.list(filters))

    def download_film(self, film_id: str, path: str | Path, *, kind: str | None = None) -> Path:
        """Wait for the film and store its file, or that of `kind` beside it. It is complete, or it is not there."""
        return self._run(self._films.download(film_id, Path(path), kind))

    def follow_film(self, film_id: str) -> Iterator[FilmNews]:
        """Yield each state of the film and of its scenes; the last one is the end, or a hold, with the whole `view`."""
        with film_context(film_id):
            yield from self._follow(film_cursor(film_id, self._away_at_most_s))


class AsyncFilmCalls:
    """A part of `AsyncReelbus`: the methods of `FilmCalls`, to be awaited."""

    _away_at_most_s: float
    _films: FilmFlows

    @abstractmethod
    async def _run(self, flow: Flow[T], timeout_s: float | None = None) -> T: ...

    @abstractmethod
    def _follow(self, cursor: EventCursor[N]) -> AsyncIterator[N]: ...

    async def generate_film(self, storyboard: FilmFields, *, timeout_s: float | None = None) -> FilmView:
        """Order the film, unless it exists, and return it when it has a file, however long it takes.

        Raises `ReelbusError`, whose `film` has each scene if the film ended without a file, and `WaitTimeout` after
        `timeout_s`; the film goes on then, and the same call waits for it again.
        """
        return await self._run(self._films.generate(storyboard), timeout_s)

    async def plan_film(self, storyboard: FilmFields) -> FilmPlan:
        """Return the price, scene by scene, and what would refuse the order. Nothing is made or written."""
        return await self._run(self._films.plan(storyboard))

    async def order_film(self, storyboard: FilmFields, *, timeout_s: float | None = None) -> FilmView:
        """Order all new scenes, or none, and return the film at once. The same storyboard again is the same film."""
        return await self._run(self._films.order(storyboard), timeout_s)

    async def film(self, film_id: str) -> FilmView:
        """Return the film with the state of each scene. Raises `ReelbusError`."""
        return await self._run(self._films.film(film_id))

    async def wait_for_film(
        self, film_id: str, *, revision: int | None = None, timeout_s: float | None = None
    ) -> FilmView:
        """Return the film when it has a file. Raises as `generate_film` does, and if it has another `revision`."""
        return await self._run(self._films.wait(film_id, revision), timeout_s)

    async def cancel_film(self, film_id: str) -> FilmView:
        """Cancel the film and return it: no scene is sent any more. What was sent is paid, and kept."""
        return await self._run(self._films.cancel(film_id))

    async def retake_scene(self, film_id: str, scene: str, *, take: int, max_cost_usd: float | None = None) -> FilmView:
        """Order the next revision with another take of one scene, and return it at once. A repeated call pays once."""
        return await self._run(self._films.retake(film_id, scene, take, max_cost_usd))

    async def list_films(self, **filters: object) -> FilmListing:
        """Return a page of films, the newest first: `state`, `project_id`, `limit`, `cursor`."""
        return await self._run(self._films.list(filters))

    async def download_film(self, film_id: str, path: str | Path, *, kind: str | None = None) -> Path:
        """Wait for the film and store its file, or that of `kind` beside it. It is complete, or it is not there."""
        return await self._run(self._films.download(film_id, Path(path), kind))

    async def follow_film(self, film_id: str) -> AsyncIterator[FilmNews]:
        """Yield each state of the film and of its scenes; the last one is the end, or a hold, with the whole `view`."""
        with film_context(film_id):
            async for news in self._follow(film_cursor(film_id, self._away_at_most_s)):
                yield news
