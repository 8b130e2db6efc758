"""A thousand jobs in flight in one worker: what each adds to it. By the size of its memory, never by the clock."""

from collections.abc import Mapping

import pytest

from bench.inflight import GOAL_KB, JOBS, Weight, weigh

THREADS_AT_MOST = 32
"""Of pools that have a size of their own, whatever the number of jobs."""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_thousand_jobs_in_flight_on_the_embedded_default() -> None:
    _holds(weigh("embedded", JOBS))


@pytest.mark.emulator
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_thousand_jobs_in_flight_on_googles_emulators(emulators: Mapping[str, str]) -> None:
    _holds(weigh("google", JOBS, servers=emulators))


def _holds(weight: Weight) -> None:
    assert weight.kb_each <= GOAL_KB
    assert weight.threads <= THREADS_AT_MOST
