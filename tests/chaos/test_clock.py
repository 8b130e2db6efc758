"""The wall clock of a real worker is set by hours, the worker is killed, and its paid job goes on at once.

It needs Debian's libfaketime, which changes the wall clock of one process and leaves the boot-time clock alone.
"""

import asyncio
from pathlib import Path

import pytest

from publisher.submit import submit
from schemas.domain.states import JobState
from tests.chaos.test_zombie import REQUEST, Street, street

__all__ = ["street"]

LIBRARY = next(iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed")]


@pytest.mark.parametrize("jump", ["+3600", "-7200"])
async def test_a_paid_job_outlives_a_step_of_the_clock_and_a_kill(street: Street, jump: str) -> None:
    clock = street.folder / "clock"
    clock.write_text("+0")
    faked = {
        "LD_PRELOAD": str(LIBRARY),
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_TIMESTAMP_FILE": str(clock),
    }
    async with street.worker(CHAOS_STOP="after", **faked) as part:
        await submit(street.desk, REQUEST)
        while not street.vertex.books.accepted:  # noqa: ASYNC110  # the books are a plain list
            await asyncio.sleep(0.05)
        clock.write_text(jump)
        part.kill()
    async with street.worker(**faked):
        job = await street.ended(REQUEST)
    assert job.state is JobState.SUCCEEDED
    assert street.vertex.books.posts == len(street.vertex.books.accepted) == 1
