"""Killed at every single step, a job is paid once, ends, and everybody is told. Real processes, real SIGKILL."""

from collections.abc import Mapping

import pytest

from tests.crash.cases import GROUNDS, LISTS, Case, checks, matrix, points_file, windows, written_down
from tests.crash.verdict import Verdict

CASES = [*matrix(), *(case for ground in GROUNDS for case in windows(ground)), *checks()]
pytestmark = pytest.mark.timeout(1800)


@pytest.mark.parametrize(("side", "order"), LISTS)
@pytest.mark.parametrize("ground", GROUNDS)
def test_no_step_is_forgotten(
    request: pytest.FixtureRequest, ground: str, side: str, order: str, recorded: Mapping[str, list[str]]
) -> None:
    file = points_file(side, ground, order).name
    if file not in recorded:
        request.getfixturevalue("on_emulators")  # skips, with the reason
    passed, listed = set(recorded[file]), set(written_down(side, ground, order))
    assert passed == listed, (
        f"the steps of a job have changed, {file} does not list {sorted(passed - listed)} and still lists "
        f"{sorted(listed - passed)}: run `make crash-points`, and look at what has changed"
    )


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_a_killed_process_costs_nothing_twice_and_loses_nothing(case: Case, verdict: Verdict) -> None:
    assert not verdict.wrong, "\n".join(verdict.wrong)
    assert verdict.killed, case.point
    zeros = (verdict.duplicates, verdict.lost, verdict.not_ended, verdict.untold, verdict.orphans)
    assert zeros == (0, 0, 0, 0, 0)
