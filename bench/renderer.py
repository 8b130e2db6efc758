"""How fast the local renderer makes a film, and whether a longer film needs more memory."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from bench.figure import Figure, Side, limit
from bench.process import running

HD, FULL_HD = (1280, 720), (1920, 1080)
SPEED_S = 10
SHORT_S, LONG_S = 5, 30
ROUNDS = 3
HD_GOAL, FULL_HD_GOAL = 2.0, 1.0
FLAT_GOAL = 1.05
MOVING, STILL = "slow pan left, then dolly in", "static"
"""A still camera where memory counts: the picture that a moving one travels over grows with its way, up to a bound."""


class Film(BaseModel):
    """What one process said about the film that it rendered."""

    took_s: float
    peak_bytes: int


def measure() -> Sequence[Figure]:
    """Round by round a film in each size, a short one and a long one; each by a process of its own."""
    middle, large, short, long = [], [], [], []
    for seed in range(ROUNDS):
        middle.append(_film(HD, SPEED_S, seed, MOVING))
        large.append(_film(FULL_HD, SPEED_S, seed, MOVING))
        short.append(_film(HD, SHORT_S, seed, STILL))
        long.append(_film(HD, LONG_S, seed, STILL))
    return [
        _speed("renderer, 720p", middle, HD_GOAL),
        _speed("renderer, 1080p", large, FULL_HD_GOAL),
        Figure(
            name="renderer, memory in the length",
            goal=FLAT_GOAL,
            ours=_peak(f"peak of a process that renders {LONG_S} s of 720p", long),
            theirs=_peak(f"of one that renders {SHORT_S} s", short),
        ),
    ]


def _speed(name: str, films: Sequence[Film], goal: float) -> Figure:
    what = f"a film of {SPEED_S} s with words, a moving camera and sound, by one renderer"
    rounds = tuple(SPEED_S / film.took_s for film in films)
    ours = Side(what=what, unit="s of film a second", rounds=rounds)
    theirs = limit("real time", "s of film a second", 1)
    return Figure(name=name, goal=goal, more_is_better=True, ours=ours, theirs=theirs)


def _peak(what: str, films: Sequence[Film]) -> Side:
    return Side(what=what, unit="MB", rounds=tuple(film.peak_bytes / 1e6 for film in films))


def _film(size: tuple[int, int], seconds: int, seed: int, camera: str) -> Film:
    with tempfile.TemporaryDirectory(prefix="reelbus-bench-") as folder:
        arguments = (*map(str, (*size, seconds, seed)), camera, folder)
        with running("bench.one_film", *arguments, environment={}, log=Path(folder) / "film.log") as process:
            return Film.model_validate_json(process.said)
