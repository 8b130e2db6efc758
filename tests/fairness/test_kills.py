"""A worker is killed between any two steps of parking and bringing back: no job is lost, none is sent twice."""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from schemas.domain.states import JobState
from tests.fairness.house import FairHouse, fair_house

FLOOD = 24
OTHERS = 4
SLOTS = 2
POINTS = {
    "before the row": "before parked.park #5",
    "between row and record": "after parked.park #5",
    "between record and ack": "after jobs.save queued→queued #5",
    "after an ack": "after delivery video-workers.ack #5",
    "between look and publish": "after parked.next #3",
    "between publish and remove": "after bus.publish video-requests #3",
    "between the parts of a remove": "before parked.remove #4",
    "after a remove": "after parked.remove #4",
}
QUICK = {
    "FAIR_PRICE": "0.40",
    "REELBUS_IN_FLIGHT": str(SLOTS),
    "REELBUS_PREFETCH": "1",
    "REELBUS_SUBMITS_PER_MINUTE": "100000",
    # The submit that the killed worker had begun is soon known to be in doubt.
    "REELBUS_SUBMIT_WITHIN_S": "2",
    "REELBUS_SUBMIT_TIMEOUT_S": "3",
    "REELBUS_SUBMITTING_HOLD_S": "6",
    "REELBUS_GENERATION_S": "1",
    "REELBUS_SEARCH_EVERY_S": "0.2",
}


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS.values(), ids=POINTS)
async def test_no_kill_loses_a_parked_job_or_sends_one_twice(tmp_path: Path, point: str) -> None:
    async with fair_house(tmp_path) as house:
        house.settings = QUICK
        await house.submit("flood", range(FLOOD))
        await house.submit("other", range(OTHERS))
        with house.worker(FAIR_POINTS=str(tmp_path / "points"), FAIR_AT=point) as dying:
            assert dying.process.wait(60) == -9, "the worker never came to the point"
        assert (tmp_path / "points").read_text().splitlines()[-1] == point
        with house.worker():
            jobs = await house.until_ended(FLOOD + OTHERS)
            await house.until(lambda: _count(house, "parked_jobs") == 0)
    assert len(jobs) == FLOOD + OTHERS
    assert {job.state for job in jobs} == {JobState.FAILED}
    assert set(Counter(house.order).values()) == {1}
    # The killed worker may have been about to send for each of its slots: that is never sent.
    assert FLOOD + OTHERS - SLOTS <= len(house.order) <= FLOOD + OTHERS
    assert _count(house, "dead_letters") == 0


def _count(house: FairHouse, table: str) -> int:
    with closing(sqlite3.connect(house.folder / "reelbus.db")) as database:
        return int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
