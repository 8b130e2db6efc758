"""What the chaos run found, each held down to one cause."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from infra.clock import SystemClock
from infra.embedded.videos import FolderVideos
from infra.gcp.vertex import client
from schemas.domain.states import JobState
from schemas.errors import Charged, SubmitRefused
from schemas.ports import GenerationFailed
from subscriber.compose import open_context
from subscriber.runner import JobRunner
from subscriber.settings import WorkerSettings
from tests.vertex.rig import OMNI, a_clip, a_request, adapter, rig_in
from tests.vertex.script import Step
from tests.worker.bench import Bench


@dataclass
class Repairing(SystemClock):
    """Whoever waits finds the disk in order afterwards."""

    scratch: Path
    waits: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.scratch.mkdir(exist_ok=True)
        await super().sleep(0)


async def test_a_local_disk_that_takes_no_file_is_waited_for_and_the_paid_film_is_stored(
    bench: Bench, tmp_path: Path
) -> None:
    clock = Repairing(tmp_path / "no-such-disk")
    ctx = replace(bench.ctx, scratch=clock.scratch, clock=clock)
    ended = await JobRunner(ctx, await bench.queued()).run()
    assert clock.waits
    assert (ended.state, len(bench.model.accepted)) == (JobState.SUCCEEDED, 1)


async def test_a_library_that_loads_for_too_long_is_a_definite_no_and_no_unknown_submit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, opened = threading.Event(), client._open_client

    def slowly(*given: Any) -> Any:
        loaded.wait()
        return opened(*given)

    monkeypatch.setattr(client, "_open_client", slowly)
    model = adapter("http://127.0.0.1:9", await FolderVideos.open(tmp_path, "http://facade"))
    request = a_request(model=OMNI)
    try:
        with pytest.raises(SubmitRefused) as refused:
            async with asyncio.timeout(60):
                await model.submit(
                    request, a_clip(model.plan(request).clips[0]), (), send_before=SystemClock().boot() + 0.05
                )
    finally:
        loaded.set()
        await model.aclose()
    assert (refused.value.failure.code, refused.value.failure.retryable) == ("not_sent", True)


async def test_a_worker_starts_while_another_tidies_up_its_scratch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was listed is gone a moment later."""
    scratch = tmp_path / "scratch"
    ours, older = scratch / ("0" * 32), scratch / "assembly-of-another"
    for folder in (ours, older):
        folder.mkdir(parents=True)
    listed = Path.iterdir

    def vanishing(self: Path) -> Iterator[Path]:
        found = list(listed(self))
        if self == scratch:
            ours.rmdir()
            older.rmdir()
        return iter(found)

    monkeypatch.setattr(Path, "iterdir", vanishing)
    async with open_context(WorkerSettings(data_dir=tmp_path, renderers=1)) as ctx:
        assert ctx.scratch.parent == scratch
    assert list(listed(scratch)) == []


async def test_a_film_that_was_filtered_after_it_was_accepted_was_perhaps_charged(tmp_path: Path) -> None:
    async with rig_in(tmp_path) as rig:
        rig.vertex.then(Step(ending="filtered"))
        ended = await rig.ended(await rig.submit(a_request(model=OMNI)))
    assert isinstance(ended, GenerationFailed)
    assert ended.failure.charged is Charged.UNKNOWN
