"""Takes films from the request to the finished file: it makes the jobs, waits for their ends, and joins their videos.

The film's record says what is next, and each step is a compare-and-set. A message only says that it is time to look: a
film whose message is lost, or whose director was killed, is found by the time at which its next look is due.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakValueDictionary

from schemas.domain.film import Film, FilmState, after_scenes
from schemas.errors import Conflict, NewerRecord, Unavailable
from schemas.ports import FILM_WORKERS, Delivery
from schemas.services.backoff import Backoff, backoff_s
from schemas.services.film_cancel import cancel_scenes
from schemas.services.film_erasure import FilmEraser
from schemas.wire.film import film_id_of
from subscriber.films.announce import announce_end
from subscriber.films.exports import can_write, leave_film
from subscriber.films.followers import DueFrame, NoLastFrame, make_followers, read_rendering, store_frame
from subscriber.films.join import join_film
from subscriber.films.scenes import FilmContext, make_jobs, read_jobs

logger = logging.getLogger(__name__)

MESSAGES_AT_ONCE = 32
LOOK_EVERY_S = 5.0
"""How often a director looks for films whose look is due, while it sees none that is being made."""
LOOK_OFTEN_EVERY_S = 1.0
LOOKS_OFTEN_FOR = timedelta(seconds=30)
"""After a look at a film whose scenes are being made."""
_DUE_AT_ONCE = 20
_FRAMES_AT_ONCE = 4
"""Films whose first frames are stored at once: for each frame a whole video is fetched."""
_STEPS = 20
_OVER = (FilmState.SUCCEEDED, FilmState.FAILED, FilmState.CANCELLED)
_RETRY_AT_MOST_S = 300.0


class Director:
    """The loops of one director. An error in one of them is logged, and the loop begins again."""

    def __init__(self, ctx: FilmContext, *, look_every_s: float = LOOK_EVERY_S) -> None:
        self._ctx = ctx
        self._look_every_s = look_every_s
        self._tasks: set[asyncio.Task[None]] = set()
        self._one_join = asyncio.Semaphore(1)
        self._joining: set[str] = set()
        self._few_frames = asyncio.Semaphore(_FRAMES_AT_ONCE)
        self._storing_frames: set[str] = set()
        self._looks_often_until: datetime | None = None
        self._left = dict[tuple[str, int], datetime]()
        """When this director first left a revision of a film to a worker that can write what it asks for."""
        self._locks = WeakValueDictionary[str, asyncio.Lock]()
        """One look at a film at a time: two would announce its end twice."""

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for loop in (self._take, self._look_for_due):
                    group.create_task(self._for_ever(loop))
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _for_ever(self, loop: Callable[[Backoff], Coroutine[Any, Any, None]]) -> None:
        backoff = Backoff()
        while True:
            try:
                await loop(backoff)
            except Unavailable as error:
                extra = {"action": "director_waits", "reason": str(error)}
                logger.warning("the director can't reach the bus or the store", extra=extra)
            except Exception:  # a bug must not end the films of all others
                logger.exception("a loop of the director broke", extra={"action": "director_broke"})
            await self._ctx.clock.sleep(backoff.next_s())

    async def _take(self, backoff: Backoff) -> None:
        await self._ctx.bus.check(FILM_WORKERS)
        async with self._ctx.bus.subscribe(FILM_WORKERS, limit=MESSAGES_AT_ONCE) as deliveries:
            backoff.reset()
            async for delivery in deliveries:
                self._start(self._handle(delivery))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, delivery: Delivery) -> None:
        """Take the film that the message names further, then acknowledge the message."""
        try:
            if film_id := film_id_of(delivery.message):
                await self.advance(film_id)
            await delivery.ack()
        except Exception as error:  # a message that can't be handled now must come again
            is_outage = isinstance(error, Unavailable)
            extra = {"action": "film_not_advanced", "reason": str(error)}
            logger.warning("a film could not go on yet", extra=extra, exc_info=not is_outage)
            with suppress(Unavailable):  # the lease expires, and the bus delivers it again
                await delivery.nack(delay_s=backoff_s(1, _RETRY_AT_MOST_S, delivery.attempt))

    async def _look_for_due(self, backoff: Backoff) -> None:
        """Look at each film that is due, page by page, and begin again.

        A film that can't go on, or waits here for its turn to be joined, stays due. It must take no other one's place.
        """
        since, last = self._ctx.clock.now(), None
        while True:
            page = await self._ctx.films.due(since, limit=_DUE_AT_ONCE, after=last)
            for each in page:
                await self._try_to_advance(each.film_id)
            backoff.reset()
            last = page[-1] if len(page) == _DUE_AT_ONCE else None
            until = self._looks_often_until
            looks_often = last is not None or (until is not None and self._ctx.clock.now() < until)
            await self._ctx.clock.sleep(
                min(LOOK_OFTEN_EVERY_S, self._look_every_s) if looks_often else self._look_every_s
            )
            since = since if last else self._ctx.clock.now()  # what is due later waits for the next round

    async def _try_to_advance(self, film_id: str) -> None:
        """Take one film further. An error of it is logged: the films that are due after it must not wait for it."""
        try:
            await self.advance(film_id)
        except NewerRecord:
            return  # a worker of a newer version has it
        except Exception as error:
            is_outage = isinstance(error, Unavailable)
            extra = {"action": "film_not_advanced", "film_id": film_id, "reason": str(error)}
            logger.warning("a film could not go on yet", extra=extra, exc_info=not is_outage)

    async def advance(self, film_id: str) -> None:
        """Take the film as far as it can go now. Raises `Unavailable`."""
        async with self._locks.setdefault(film_id, asyncio.Lock()):
            await self._take_steps(film_id)

    async def _take_steps(self, film_id: str) -> None:
        has_made_jobs = False
        for _ in range(_STEPS):
            film = await self._ctx.films.get(film_id)
            if film is None:
                return
            if has_made_jobs and film.state is FilmState.CANCELLED and not film.announce_due:
                await self._cancel_scenes(film)  # another director ended the cancel meanwhile
            may_make_jobs = film.state is FilmState.RENDERING and film.first_frames
            has_made_jobs = has_made_jobs or film.state is FilmState.PLANNED or bool(may_make_jobs)
            if film.state is FilmState.RENDERING:
                self._looks_often_until = self._ctx.clock.now() + LOOKS_OFTEN_FOR
            try:
                if not await self._step(film):
                    return
            except Conflict:
                continue
        raise Unavailable(f"film {film_id} changes too often", retry_after_s=1)

    async def _step(self, film: Film) -> bool:
        """Take one step, and return True if another one may follow. Raises `Conflict` if the film was changed."""
        ctx, now = self._ctx, self._ctx.clock.now()
        if film.erased_at:
            await self._sweep(film)
            return False
        if film.due_ends:
            await self._announce(film)
            return True
        is_due = film.next_check_at is not None and film.next_check_at <= now
        if film.state not in _OVER and not can_write(ctx, film):
            seen_at = self._left.setdefault((film.film_id, film.request.revision), now)
            return await leave_film(ctx, film, seen_at=seen_at, is_due=is_due)
        self._left.pop((film.film_id, film.request.revision), None)
        if film.state is FilmState.PLANNED:
            await make_jobs(ctx, film)
            await ctx.films.save(film.await_scenes(ctx.clock.now()))
            return True
        if film.state in (FilmState.RENDERING, FilmState.HELD):
            return await self._look_at_scenes(film, is_due=is_due)
        if film.state is FilmState.CANCELLED and is_due:
            await self._cancel_scenes(film)
            await ctx.films.save(film.note_over(now))
        if film.state is FilmState.JOINING and is_due and film.film_id not in self._joining:
            self._start(self._join(await ctx.films.save(film.claim_join(now))))
        return False

    async def _look_at_scenes(self, film: Film, *, is_due: bool) -> bool:
        """Go on if all scenes have ended. A claim to join is stored before the join begins."""
        ctx, now = self._ctx, self._ctx.clock.now()
        jobs = await read_jobs(ctx, film)
        if film.state is FilmState.RENDERING and film.first_frames and film.film_id not in self._storing_frames:
            followers = await make_followers(ctx, film, jobs)
            if followers.due_frame:
                self._storing_frames.add(film.film_id)
                self._start(self._store_frame(film, followers.due_frame))
            if followers.has_made:
                return True  # look at the film again: it may have been cancelled meanwhile
        after = after_scenes(film, jobs, now)
        if after is film:
            if is_due:
                await ctx.films.save(film.await_next_look(now))
            return False
        saved = await ctx.films.save(after)
        if saved.state is FilmState.JOINING:
            self._start(self._join(saved))
        return saved.announce_due

    async def _store_frame(self, film: Film, due: DueFrame) -> None:
        """Store a first frame, then make the job that begins with it. The looks at all films go on meanwhile."""
        try:
            async with self._few_frames:
                try:
                    await store_frame(self._ctx, film, due)
                except NoLastFrame as error:
                    await self._end_without_frame(film, error)
        except Exception as error:  # the next look begins it again
            is_outage = isinstance(error, Unavailable)
            extra = {"action": "film_not_advanced", "film_id": film.film_id, "reason": str(error)}
            logger.warning("a film could not go on yet", extra=extra, exc_info=not is_outage)
            return
        finally:
            self._storing_frames.discard(film.film_id)
        await self._try_to_advance(film.film_id)

    async def _end_without_frame(self, film: Film, error: NoLastFrame) -> None:
        ctx = self._ctx
        async with self._locks.setdefault(film.film_id, asyncio.Lock()):
            if newest := await read_rendering(ctx, film):
                await ctx.films.save(newest.end(ctx.clock.now(), FilmState.FAILED, error.failure))

    async def _announce(self, film: Film) -> None:
        """Publish the ends that are due, then note that. A cancelled film's jobs are cancelled first."""
        ctx = self._ctx
        if film.state is FilmState.CANCELLED:
            await self._cancel_scenes(film)
        for end in film.due_ends:
            await announce_end(ctx, film, end)
        now = ctx.clock.now()
        await ctx.films.save(film.note_announced(now) if film.announce_due else film.note_earlier_announced(now))

    async def _sweep(self, film: Film) -> None:
        """Delete what an erased film left behind: another process was killed, or a late file may be there."""
        ctx = self._ctx
        if film.next_check_at is not None and film.next_check_at <= ctx.clock.now():
            eraser = FilmEraser(
                films=ctx.films, jobs=ctx.jobs, videos=ctx.videos, clock=ctx.clock, deliveries=ctx.deliveries
            )
            await eraser.sweep(film)

    async def _cancel_scenes(self, film: Film) -> None:
        ctx = self._ctx
        await cancel_scenes(film, films=ctx.films, jobs=ctx.jobs, bus=ctx.bus, clock=ctx.clock)

    async def _join(self, film: Film) -> None:
        """Join a film that this director has claimed. One is joined at a time: the codecs use several cores."""
        self._joining.add(film.film_id)
        try:
            async with self._one_join:
                tried = await self._ctx.films.save(film.try_join(self._ctx.clock.now()))
                if tried.state is FilmState.JOINING:
                    await join_film(self._ctx, tried)
            await self.advance(film.film_id)
        except Conflict:  # another director claimed it while this one was busy
            return
        except Exception as error:  # the claim expires, and the join is repeated
            is_outage = isinstance(error, Unavailable)
            extra = {"action": "film_not_joined", "film_id": film.film_id, "reason": str(error)}
            logger.warning("a film could not be joined yet", extra=extra, exc_info=not is_outage)
        finally:
            self._joining.discard(film.film_id)
