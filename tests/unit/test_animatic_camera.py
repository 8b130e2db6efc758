"""What directors write about the camera, and what the camera then does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.animatic.camera import RESTING, Move, parse, plan


@pytest.mark.parametrize(
    ("text", "across", "down", "closer"),
    [
        ("Slow pan across desk", 1, 0, 0),
        ("pan left", -1, 0, 0),
        ("PAN RIGHT", 1, 0, 0),
        ("camera pans from left to right", 1, 0, 0),
        ("pan from the right", -1, 0, 0),
        ("panning slowly to the left over the city", -1, 0, 0),
        ("pan down", 0, 1, 0),
        ("truck left", -1, 0, 0),
        ("tilt up", 0, -1, 0),
        ("tilts down to the floor", 0, 1, 0),
        ("crane up over the roofs", 0, -1, 0),
        ("zoom in", 0, 0, 1),
        ("Zoom out slowly", 0, 0, -1),
        ("zoom-in on the logo", 0, 0, 1),
        ("dolly in", 0, 0, 1),
        ("dolly out", 0, 0, -1),
        ("dolly left", -1, 0, 0),
        ("slow push in on her face", 0, 0, 1),
        ("pull back to reveal the valley", 0, 0, -1),
        ("camera moves closer", 0, 0, 1),
        ("pan left while zooming in", -1, 0, 1),
        ("static", 0, 0, 0),
        ("Locked off, on a tripod", 0, 0, 0),
        ("no camera movement", 0, 0, 0),
        ("a panda in the architecture", 0, 0, 1),
    ],
)
def test_words_become_a_move(text: str, across: int, down: int, closer: int) -> None:
    move = parse(text)
    assert (move.across, move.down, move.closer) == (across, down, closer)


@pytest.mark.parametrize("text", ["", "   ", "beautiful light", "カメラはゆっくり"])
def test_what_says_nothing_about_the_camera_is_a_very_slow_push_in(text: str) -> None:
    assert parse(text) == RESTING


def test_pace_words_change_how_far_the_camera_goes() -> None:
    slow, plain, fast = (plan(parse(text), 5).across for text in ("slow pan left", "pan left", "fast pan left"))
    assert 0 < slow < plain < fast


@given(st.text(max_size=200), st.integers(1, 30), st.floats(0, 1))
def test_any_text_keeps_the_camera_on_the_picture(text: str, duration_seconds: int, progress: float) -> None:
    left, top, right, bottom = plan(parse(text), duration_seconds).box(progress, (1000, 800))
    assert -1e-6 <= left < right <= 1000 + 1e-6
    assert -1e-6 <= top < bottom <= 800 + 1e-6


@given(st.sampled_from([-1, 0, 1]), st.sampled_from([-1, 0, 1]), st.sampled_from([-1, 0, 1]))
def test_a_move_never_turns_back(across: int, down: int, closer: int) -> None:
    travel = plan(Move(across=across, down=down, closer=closer), 5)
    boxes = [travel.box(step / 20, (1000, 800)) for step in range(21)]
    centres = [(box[0] + box[2]) * across for box in boxes]
    widths = [(box[2] - box[0]) * -closer for box in boxes]
    assert centres == sorted(centres)
    assert widths == sorted(widths)
