"""Made clips with one fault each: every flag exactly where it belongs, and none elsewhere."""

from pathlib import Path

import pytest

from infra.media.measure import measure
from schemas.domain.checks import CheckRules, judge
from schemas.wire.checks import Checks
from tests.unit.check_clips import (
    FPS,
    Drawing,
    Faulty,
    Tone,
    black_from,
    cut_at,
    frozen_from,
    moving,
    strobe,
    tone_of,
    within_bars,
)

GOOD = tone_of(0.1)
RULES = CheckRules()


def look_at(clip: Path, rules: CheckRules = RULES, reference: Path | None = None) -> Checks:
    return judge(measure(clip, rules, reference), rules, wants_sound=True)


def spans(checks: Checks) -> list[tuple[str, float | None, float | None]]:
    return [(flag.code, flag.from_seconds, flag.to_seconds) for flag in checks.flags]


@pytest.mark.parametrize(
    ("draw", "tone", "flags"),
    [
        pytest.param(moving, GOOD, [], id="good"),
        pytest.param(black_from(3), GOOD, [("black", 3.0, 4.0)], id="black"),
        pytest.param(frozen_from(2), GOOD, [("frozen", 2.0, 4.0)], id="frozen"),
        pytest.param(strobe, GOOD, [("flicker", 0.0, 4.0)], id="flicker"),
        pytest.param(cut_at(2), GOOD, [("cut", 2.0, 2.0)], id="cut"),
        pytest.param(within_bars(rows=12), GOOD, [("letterbox", None, None)], id="letterbox"),
        pytest.param(within_bars(columns=40), GOOD, [("pillarbox", None, None)], id="pillarbox"),
        pytest.param(moving, None, [("no_audio_track", None, None)], id="no-track"),
        pytest.param(moving, tone_of(0), [("silent", None, None)], id="silent"),
        pytest.param(moving, tone_of(0.1, until=1.5), [("partly_silent", 1.5, 4.0)], id="half-silent"),
        pytest.param(moving, tone_of(0.004), [("too_quiet", None, None)], id="quiet"),
        pytest.param(moving, tone_of(0.99), [("too_loud", None, None)], id="loud"),
    ],
)
def test_a_fault_is_flagged_where_it_is(
    tmp_path: Path, draw: Drawing, tone: Tone | None, flags: list[tuple[str, float | None, float | None]]
) -> None:
    found = look_at(Faulty(draw, tone).write(tmp_path / "clip.mp4"))
    assert [code for code, *_ in spans(found)] == [code for code, *_ in flags]
    for (_, start, end), (_, wanted_start, wanted_end) in zip(spans(found), flags, strict=True):
        assert (start is None) == (wanted_start is None)
        assert start == pytest.approx(wanted_start, abs=1.5 / FPS)
        assert end == pytest.approx(wanted_end, abs=1.5 / FPS)
