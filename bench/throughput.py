"""Jobs a second by 32 callers at once on this machine's cores, here and with Celery and Redis."""

from collections.abc import Sequence

from bench.celery_best import celery_side, quickest
from bench.figure import Figure, Side
from bench.houses import Editor, House, both
from bench.overhead import OURS

JOBS = {"codecs": 100, "plain": 300}
"""A round of a few seconds."""
WORKERS = {"codecs": 2, "plain": 1}
"""What does best on two cores: codecs keep more than one interpreter busy; without them a second one only competes."""
AT_ONCE = 32
ROUNDS = 4
GOAL = 3.0


def measure() -> Sequence[Figure]:
    """With the codecs' work, which is the same on both sides, and without it."""
    return [_measured("codecs", ""), _measured("plain", ", without codecs")]


def _measured(editor: Editor, words: str) -> Figure:
    pool = quickest(editor, lambda house: house.ask(JOBS[editor] // 2, AT_ONCE, "trial").per_s)
    with both(editor, pool, workers=WORKERS[editor]) as sides:
        ours, theirs = zip(*([_round(house, editor, it) for house in sides] for it in range(ROUNDS)), strict=True)
    cpu_ms = sorted(cpu for _, cpu in ours)[ROUNDS // 2]
    what = f"{AT_ONCE} callers, {JOBS[editor]} jobs a round, {cpu_ms:.1f} ms of our CPU each, {OURS}"
    return Figure(
        name=f"throughput{words}",
        goal=GOAL,
        more_is_better=True,
        ours=Side(what=f"{what}, workers: {WORKERS[editor]}", unit="jobs/s", rounds=tuple(per_s for per_s, _ in ours)),
        theirs=Side(what=celery_side(pool), unit="jobs/s", rounds=tuple(per_s for per_s, _ in theirs)),
    )


def _round(house: House, editor: Editor, number: int) -> tuple[float, float]:
    """Jobs a second, and milliseconds of the processor for each."""
    before = house.cpu_s()
    asked = house.ask(JOBS[editor], AT_ONCE, f"many-{number}")
    return asked.per_s, 1000 * (house.cpu_s() - before) / JOBS[editor]
