"""Which of Celery's pools does best on this machine, for this kind of work: it is measured against that one."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from celery import __version__ as celery_version

from bench.houses import WARM, Editor, House, celery_house

Pool = tuple[str, int]
POOLS: tuple[Pool, ...] = (("prefork", 2), ("prefork", 6), ("threads", 8))
TRIALS = 2


def quickest(editor: Editor, score: Callable[[House], float]) -> Pool:
    """The pool with the highest score, the best of its trials; all are tried in turns."""
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reelbus-bench-")))
        houses = {
            pool: stack.enter_context(celery_house(root / f"{pool[0]}{pool[1]}", editor, pool=pool)) for pool in POOLS
        }
        for house in houses.values():
            house.ask(WARM, 8, "warm")
        found = {pool: max(score(house) for _ in range(TRIALS)) for pool, house in houses.items()}
    return max(found, key=lambda pool: found[pool])


def celery_side(pool: Pool) -> str:
    """Who they are."""
    return (
        f"Celery {celery_version} ({pool[0]} {pool[1]}, the best of its pools here; acks late, prefetch 1) "
        "with Redis (appendfsync always), a SQLite record (synchronous=FULL)"
    )
