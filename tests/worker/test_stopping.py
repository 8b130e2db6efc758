"""A worker that stops sends no submit, whatever it had begun; an answer under way is kept."""

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest

from schemas.domain.object_names import is_marker
from schemas.domain.states import ClipState, JobState
from schemas.ports import VideoStore
from subscriber.submission import submit_next
from tests.worker.bench import Bench


@dataclass
class StopsAtTheMarker:
    """A real store; the worker is told to stop while it puts the marker of its attempt."""

    videos: VideoStore
    stopping: asyncio.Event

    def __getattr__(self, name: str) -> object:
        return getattr(self.videos, name)

    async def put(self, name: str, source: Path | bytes, *, content_type: str) -> bool:
        if is_marker(name):
            self.stopping.set()
        return await self.videos.put(name, source, content_type=content_type)


async def test_a_claim_is_withdrawn_if_the_stop_comes_before_the_send(bench: Bench) -> None:
    videos = cast("VideoStore", StopsAtTheMarker(bench.ctx.videos, bench.ctx.stopping))
    job = await submit_next(replace(bench.ctx, videos=videos), await bench.queued())
    assert bench.model.accepted == []
    assert (job.state, job.clips[0].state) == (JobState.QUEUED, ClipState.PLANNED)
    cause = job.clips[0].cause
    assert cause is not None
    assert (cause.code, "stopped" in cause.message) == ("not_sent", True)
    assert await bench.ctx.videos.list("work/") == [], "its marker would block a later attempt"


async def test_nothing_is_claimed_after_the_stop(bench: Bench) -> None:
    queued = await bench.queued()
    bench.ctx.stopping.set()
    with pytest.raises(asyncio.CancelledError):
        await submit_next(bench.ctx, queued)
    assert (await bench.job()).revision == queued.revision


async def test_an_answer_is_kept_however_often_the_call_is_cancelled(bench: Bench) -> None:
    gate = bench.model.gate = asyncio.Event()
    sending = asyncio.create_task(submit_next(bench.ctx, await bench.queued()))
    await bench.model.at_gate.wait()
    for _ in range(3):
        sending.cancel()
        await asyncio.sleep(0)
    assert not sending.done()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert (await bench.job()).clips[0].operation == "operations/1"
    assert bench.ctx.sending == set()
