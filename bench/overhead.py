"""What one job costs beside the model's own time: publish and await, by one caller, here and with Celery and Redis."""

from collections.abc import Sequence

from bench.celery_best import celery_side, quickest
from bench.figure import Figure, Side
from bench.houses import WARM, Asked, Editor, both

JOBS = 100
ROUNDS = 4
GOAL, TAIL_GOAL = 0.7, 2.0
OURS = "embedded default (SQLite with synchronous=FULL)"
"""Who we are."""


def measure() -> Sequence[Figure]:
    """With the codecs' work, which is the same on both sides, and without it."""
    return [*_measured("codecs", ""), *_measured("plain", ", without codecs")]


def _measured(editor: Editor, words: str) -> Sequence[Figure]:
    pool = quickest(editor, lambda house: -house.ask(WARM, 1, "trial").quantile_ms(0.5))
    ours, theirs = _rounds(editor, pool)
    what = f"p50 of one caller's calls, {JOBS} a round"
    p50 = Side(what=f"{what}, {OURS}", unit="ms", rounds=_each(ours, 0.5))
    return [
        Figure(
            name=f"overhead per job{words}",
            goal=GOAL,
            ours=p50,
            theirs=Side(what=celery_side(pool), unit="ms", rounds=_each(theirs, 0.5)),
        ),
        Figure(
            name=f"overhead per job{words}, p99",
            goal=TAIL_GOAL,
            ours=Side(what="p99 of the same calls", unit="ms", rounds=_each(ours, 0.99)),
            theirs=p50.model_copy(update={"what": "our own p50"}),
            note=f"Celery's p99: {sorted(_each(theirs, 0.99))[ROUNDS // 2]:.1f} ms",
        ),
    ]


def _rounds(editor: Editor, pool: tuple[str, int]) -> tuple[Sequence[Asked], Sequence[Asked]]:
    """In turns, while the other side has nothing to do."""
    with both(editor, pool) as (ours, theirs):
        pairs = [(ours.ask(JOBS, 1, f"one-{it}"), theirs.ask(JOBS, 1, f"one-{it}")) for it in range(ROUNDS)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _each(rounds: Sequence[Asked], share: float) -> tuple[float, ...]:
    return tuple(asked.quantile_ms(share) for asked in rounds)
