"""A process of the house and its end, judged on real processes: what was done to it is no fault of its own."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.chaos.journal import Journal
from tests.chaos.part import Part

_PROGRAM = """
import os, signal, sys, time
time.sleep(0.3)
if {in_good_order}:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
os.write(int(sys.argv[sys.argv.index("--ready-fd") + 1]), b"ready\\n")
time.sleep(60)
"""


@asynccontextmanager
async def _kept(folder: Path, in_good_order: bool) -> AsyncIterator[Part]:
    (folder / "program.py").write_text(_PROGRAM.format(in_good_order=in_good_order))
    part = Part("part", ("program",), os.environ, folder, Journal(folder / "log"))
    keeping = asyncio.create_task(part.keep())
    try:
        yield part
        await keeping
    finally:
        part.kill()
        await asyncio.gather(keeping, return_exceptions=True)
        part.journal.close()


async def test_one_that_is_ended_before_it_is_up_comes_up_first(tmp_path: Path) -> None:
    async with _kept(tmp_path, in_good_order=True) as part:
        await part.end()
    assert part.journal.crashes == []


async def test_one_that_was_killed_a_moment_before_its_end_comes_up_again_first(tmp_path: Path) -> None:
    async with _kept(tmp_path, in_good_order=True) as part:
        await part.ready.wait()
        first = part.pid
        assert part.kill()
        await part.end()
        assert part.pid != first
    assert part.journal.crashes == []


async def test_one_that_is_up_and_does_not_end_in_good_order_is_a_crash(tmp_path: Path) -> None:
    async with _kept(tmp_path, in_good_order=False) as part:
        await part.ready.wait()
        await part.end()
    assert part.journal.crashes == ["part: ended with status -15 when asked to stop"]
