"""The page of one film: its video, its state, a card for each scene, and what to do."""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from publisher.access import Access
from publisher.console.films import STREAM
from publisher.console.live import digest_of_page, open_stream
from publisher.console.rendering import digest_of, render, render_part
from publisher.console.webhooks import ERRORS, deliveries_of_film, may_replay
from publisher.context import PublisherContext
from publisher.facade.call import Call
from publisher.facade.films import public_film
from publisher.facade.middleware import access_of
from publisher.facade.watched_films import WatchedFilm
from publisher.films.orders import find_film
from publisher.films.view import FilmView, SceneView, build_film_view, read_scene_jobs
from schemas.domain.film import Film, FilmState
from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.errors import Unavailable
from schemas.services.checks import read_checks

Flags = dict[str, tuple[str, ...]]
"""What the checks saw in the video of each job that was read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneCard:
    """One scene as its card shows it."""

    scene: SceneView
    words: str
    """The title of the scene, or its prompt."""
    has_ended: bool
    poster_url: str | None
    flags: tuple[str, ...]

    @property
    def key(self) -> str:
        """The key of the card. Signed addresses are new each time, and no part of it."""
        return digest_of(self.scene.model_dump_json(), self.words, self.poster_url is None, self.flags)


@dataclass(frozen=True, kw_only=True, slots=True)
class FilmPage:
    """A film as its page shows it."""

    film: Film
    view: FilmView
    cards: tuple[SceneCard, ...]
    access: Access

    @property
    def ended(self) -> bool:
        """True if nothing changes by itself any more. A held film goes on once a scene is replayed."""
        is_held = self.film.state is FilmState.HELD and self.film.erased_at is None
        return self.film.state.ended and not is_held and all(card.has_ended for card in self.cards)

    @property
    def videos(self) -> int:
        """How many scenes have a video."""
        return sum(card.scene.state == JobState.SUCCEEDED for card in self.cards)

    @property
    def parts(self) -> dict[str, str]:
        """The key of each part of the page, by the id of its element."""
        view = self.view
        state = (view.state, view.revision, view.erased_at)
        return {
            "film-state": digest_of(*state, view.error, view.is_stale, view.price_usd, view.cost_usd, self.videos),
            "film-screen": digest_of(*state, view.gcs_path, view.is_stale, self.videos),
            "film-actions": digest_of(*state, self.access.scopes),
            "film-scenes": digest_of(*state, *(card.scene.name for card in self.cards)),
            **{f"scene-{card.scene.name}": card.key for card in self.cards},
            "announce": digest_of(*state) if view.state.ended else "",
        }

    @property
    def context(self) -> dict[str, Any]:
        """What the templates show."""
        is_own = self.film.caller == self.access.caller
        may_submit = "submit" in self.access.scopes
        return {
            "film": self.film,
            "view": self.view,
            "cards": self.cards,
            "done": self.videos,
            "may_cancel": may_submit or self.access.is_operator,
            "may_revise": may_submit and is_own and self.film.erased_at is None,
            "is_operator": self.access.is_operator,
        }


async def build_page(
    ctx: PublisherContext, film: Film, jobs: Mapping[str, Job], access: Access, known: Flags
) -> FilmPage:
    """Return the page of a film. What the checks saw is read once for each job, and noted in `known`."""
    view = public_film(await build_film_view(ctx, film, jobs, access))
    await _read_flags(ctx, jobs.values(), known)
    cards = [
        SceneCard(
            scene=scene,
            words=(asked.scene.title if asked.scene else None) or asked.prompt or "",
            has_ended=_has_ended(jobs.get(entry.job_id), film),
            poster_url=await _poster_url(ctx, jobs.get(entry.job_id)),
            flags=known.get(entry.job_id, ()),
        )
        for scene, entry, asked in zip(view.scenes, film.scenes, film.request.scenes, strict=True)
    ]
    return FilmPage(film=film, view=view, cards=tuple(cards), access=access)


async def _read_flags(ctx: PublisherContext, jobs: Collection[Job], known: Flags) -> None:
    """Note what the checks saw in the videos that `known` does not have."""
    unread = [job for job in jobs if job.state is JobState.SUCCEEDED and job.job_id not in known]
    found = await asyncio.gather(*(read_checks(ctx.videos, job) for job in unread))
    for job, checks in zip(unread, found, strict=True):
        known[job.job_id] = tuple(flag.code.replace("_", " ") for flag in checks.flags) if checks else ()


def _has_ended(job: Job | None, film: Film) -> bool:
    return film.state.ended if job is None else job.ended


async def _poster_url(ctx: PublisherContext, job: Job | None) -> str | None:
    if job is None or job.erased_at or job.result is None or job.result.poster_path is None:
        return None
    return await ctx.videos.url_for(job.result.poster_path)


async def show_film(call: Call) -> Response:
    """Show the film. Raises `NotFound`, also for another caller's film."""
    ctx, access = call.state["ctx"], access_of(call)
    access.check("read", "operate")
    film = await find_film(ctx, call.path_params["film_id"], access)
    page = await build_page(ctx, film, await read_scene_jobs(ctx, film), access, {})
    return await render(
        call,
        "film.html",
        digest=digest_of_page(page.parts),
        ended=page.ended,
        deliveries=await deliveries_of_film(ctx, access, film),
        webhook_errors=ERRORS,
        may_replay=may_replay(access),
        **page.context,
    )


async def stream_film(call: Call) -> Response:
    """Stream the changes of the film. Raises `NotFound` and `TooManyWaiters`."""
    ctx, access = call.state["ctx"], access_of(call)
    access.check("read", "operate")
    film = await find_film(ctx, call.path_params["film_id"], access)
    page = await build_page(ctx, film, await read_scene_jobs(ctx, film), access, known := Flags())
    with ExitStack() as stack:
        waiter = stack.enter_context(call.state["waiters"].register(STREAM))
        watched = stack.enter_context(call.state["watched_films"].watch(film))
        return open_stream(call, _LiveFilm(call, watched, page, known), waiter, stack.pop_all())


class _LiveFilm:
    """The page for one stream."""

    def __init__(self, call: Call, watched: WatchedFilm, page: FilmPage, known: Flags) -> None:
        self._call = call
        self._watched = watched
        self._page = page
        self._known = known
        self.pause_s = call.state["settings"].events_look_every_s

    @property
    def ended(self) -> bool:
        return self._page.ended

    async def look(self, news_at: float | None) -> Mapping[str, str]:
        del news_at
        film, jobs = await self._watched.look()
        with suppress(Unavailable):  # without the video store the page shows what it showed
            self._page = await build_page(self._call.state["ctx"], film, jobs, self._page.access, self._known)
        return self._page.parts

    def render(self, changed: Collection[str], *, is_first: bool) -> str:
        del is_first
        context = self._page.context
        if "film-scenes" in changed:
            changed = [name for name in changed if not name.startswith("scene-")]
        html = [
            render_part(self._call, f"{name.replace('-', '_')}.html", live=True, **context)
            for name in changed
            if name.startswith("film-")
        ]
        cards = [card for card in self._page.cards if f"scene-{card.scene.name}" in changed]
        html += [render_part(self._call, "scene_card.html", live=True, **{**context, "card": card}) for card in cards]
        if "announce" in changed:
            html.append(render_part(self._call, "film_announce.html", **context))
        return "\n".join(html)
