"""`storing` costs no write of its own, unless it has to wait: then the record says so, and its deadline counts."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from schemas.domain.states import JobState
from schemas.errors import Unavailable
from schemas.ports import Editor, Probe
from subscriber.runner import JobRunner
from tests.worker.bench import Bench


@dataclass
class Watchful(Editor):
    """A real editor that notes what the record says each time it is asked for a film, and may lack the disk for it."""

    bench: Bench
    failing: int = 0
    seen: list[JobState] = field(default_factory=list)

    async def assemble(self, clips: Sequence[Path], *, duration_seconds: int, to: Path) -> Probe:
        self.seen.append((await self.bench.job()).state)
        if len(self.seen) <= self.failing:
            raise Unavailable("the disk is full")
        return await self.bench.ctx.editor.assemble(clips, duration_seconds=duration_seconds, to=to)

    async def poster(self, video: Path, to: Path) -> None:
        await self.bench.ctx.editor.poster(video, to)

    async def probe(self, video: Path) -> Probe:
        return await self.bench.ctx.editor.probe(video)

    async def keep(self, clips: Sequence[Path], *, to: Path, defect: str) -> Probe:
        return await self.bench.ctx.editor.keep(clips, to=to, defect=defect)

    async def measure(self, clip: Path) -> float:
        return await self.bench.ctx.editor.measure(clip)


async def test_a_film_that_is_stored_at_once_goes_from_generating_to_succeeded_in_one_write(bench: Bench) -> None:
    editor = Watchful(bench)
    ended = await JobRunner(replace(bench.ctx, editor=editor), await bench.queued()).run()
    assert editor.seen == [JobState.GENERATING]
    assert [step.state for step in ended.history][-3:] == [JobState.GENERATING, JobState.STORING, JobState.SUCCEEDED]


async def test_a_film_that_cannot_be_stored_yet_is_written_down_before_it_waits(bench: Bench) -> None:
    editor = Watchful(bench, failing=2)
    ended = await JobRunner(replace(bench.ctx, editor=editor), await bench.queued()).run()
    assert editor.seen == [JobState.GENERATING, JobState.STORING, JobState.STORING]
    assert (ended.state, len(bench.model.accepted)) == (JobState.SUCCEEDED, 1)
    assert ended.since(JobState.STORING) == (await bench.job()).since(JobState.STORING)
