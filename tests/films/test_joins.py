"""A join that does not come to its end: its worker is killed, is stopped, or can't reach a service."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from infra.clock import SystemClock
from schemas.domain.film import JOIN_CLAIM, JOIN_TRIES_AT_MOST, Film, FilmState
from schemas.errors import Unavailable
from schemas.ports import FilmEditor, Probe, Segment
from tests.films.house import House, house_in, scene, storyboard


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_in(tmp_path) as house:
        yield house


class ClockAhead(SystemClock):
    """The clock of a moment at which the claim of the killed director has expired."""

    def now(self) -> datetime:
        return super().now() + JOIN_CLAIM + timedelta(seconds=1)


class Interrupted:
    """An editor whose join does not come to its end."""

    def __init__(self, editor: FilmEditor, error: Exception | None = None) -> None:
        self._editor, self._error = editor, error
        self.has_begun = asyncio.Event()

    async def join(self, segments: Sequence[Segment], **given: Any) -> Probe:
        if self.has_begun.is_set():
            return await self._editor.join(segments, **given)
        self.has_begun.set()
        if self._error:
            raise self._error
        return await asyncio.Future()


async def film_of(house: House) -> Film:
    film = await house.ctx.films.get("ad")
    assert film
    return film


async def joining(house: House) -> Interrupted:
    """A film of two scenes whose join begins with an editor that hangs."""
    editor = Interrupted(house.ctx.film_editor)
    house.ctx = replace(house.ctx, film_editor=cast("FilmEditor", editor))
    await house.order(storyboard(scene("one"), scene("two")))
    return editor


@pytest.mark.slow
async def test_a_join_that_kills_its_worker_ends_and_the_next_revision_goes_on(house: House) -> None:
    words = (sys.executable, "-m", "tests.films.launch", str(house.folder), "before videos.put 1")
    killed = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.DEVNULL)
    async with house.rendering(), asyncio.timeout(60):
        await house.order(storyboard(scene("one"), scene("two")))
        assert await killed.wait() == -signal.SIGKILL
    tried = await film_of(house)
    assert (tried.state, tried.join_tries) == (FilmState.JOINING, 1), "the try was stored before the join"
    await house.ctx.films.save(tried.model_copy(update={"join_tries": JOIN_TRIES_AT_MOST}))
    paid = list(house.paid)
    async with House(house.desk, replace(house.ctx, clock=ClockAhead()), house.folder).directing():
        ended = await house.until_announced()
        assert ended.state is FilmState.FAILED
        assert ended.failure
        assert (ended.failure.code, ended.failure.retryable) == ("not_joined", True)
        assert "has ended 5 times before it was done" in ended.failure.message
        assert await house.desk.videos.list("generated-videos/film_") == []
        await house.order(storyboard(scene("one"), scene("two"), revision=2))
        await house.until(lambda view: view.state is FilmState.SUCCEEDED)
    assert house.paid == paid
    assert (await film_of(house)).join_tries <= 1


async def test_a_worker_that_is_stopped_hands_its_join_to_the_next_one_at_once(house: House) -> None:
    editor = await joining(house)
    async with house.rendering():
        async with house.directing():
            async with asyncio.timeout(60):
                await editor.has_begun.wait()
            assert (await film_of(house)).join_tries == 1
        film = await film_of(house)
        assert (film.state, film.join_tries) == (FilmState.JOINING, 0)
        assert film.next_check_at
        assert film.next_check_at <= house.ctx.clock.now()
        async with house.directing():
            assert (await house.until_announced()).state is FilmState.SUCCEEDED


async def test_a_join_that_waits_for_a_service_is_no_try(house: House) -> None:
    await joining(house)
    editor = Interrupted(house.ctx.film_editor, Unavailable("the store is away"))
    house.ctx = replace(house.ctx, film_editor=cast("FilmEditor", editor))
    async with house.rendering(), house.directing():
        await house.until(lambda view: editor.has_begun.is_set())
        async with asyncio.timeout(40):
            while (film := await film_of(house)).join_tries:  # noqa: ASYNC110  # the claim is released a moment later
                await asyncio.sleep(0.01)
    assert film.state is FilmState.JOINING
    assert film.next_check_at == film.changed_at + JOIN_CLAIM, "the next one begins once the claim has expired"
