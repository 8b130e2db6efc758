"""What a caller who waits costs the facade that holds it, and how soon each is answered when all jobs end at once."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from bench.callers import trace_id
from bench.figure import Figure, Side, limit
from bench.process import Process, running
from bench.until import settled, until

CALLERS = 10_000
WARM = 20
ROUNDS = 2
MEMORY_GOAL, P99_GOAL_S = 1.5, 0.5
_HELD_WITHIN_S = 270.0
_SETTINGS = {
    "REELBUS_MAX_WAITS": "20000",
    "REELBUS_LOOK_EVERY_S": "3600",  # by completions alone: a look that happens to come first would flatter the figure
}


def measure() -> Sequence[Figure]:
    """Round by round the facade, then the bare application; the last facade is the one where all end."""
    ours, theirs, ends = [], [], []
    for _ in range(ROUNDS):
        kb_each, p99_s = _facade(CALLERS)
        ours.append(kb_each)
        ends.append(p99_s)
        theirs.append(_bare(CALLERS))
    many = f"{CALLERS:,} callers held"
    return [
        Figure(
            name="memory of a caller who waits",
            goal=MEMORY_GOAL,
            ours=Side(what=f"{many} by one facade, each for a job of its own", unit="kB each", rounds=tuple(ours)),
            theirs=Side(what="by a bare Starlette application", unit="kB each", rounds=tuple(theirs)),
        ),
        Figure(
            name="answers when all end at once",
            goal=1,
            ours=Side(what=f"{many}; completion decoded to answer written, p99", unit="s", rounds=tuple(ends)),
            theirs=limit("the limit", "s", P99_GOAL_S),
        ),
    ]


def _facade(callers: int) -> tuple[float, float]:
    """Kilobytes for each caller, and the seconds within which 99 of 100 were answered."""
    with _folder() as folder:
        environment = {"REELBUS_DATA_DIR": str(folder / "data"), **_SETTINGS}
        arguments = ("serve", "--port", "0", "--ready-fd", "{ready}")
        log = folder / "facade.log"
        with running("bench.watched_facade", *arguments, environment=environment, log=log) as facade:
            with _held(facade, WARM, "warm"):
                before = settled(facade.private_bytes, looks=3)
                with _held(facade, callers, "job", already=WARM) as waiting:
                    kb_each = (settled(facade.private_bytes, looks=5) - before) / callers / 1000
                    _end(callers, environment, folder)
                    until(lambda: facade.count("http_answered") >= callers, "all answers", within_s=_HELD_WITHIN_S)
                    waiting.child.wait(60)
            return kb_each, p99([*_answer_times(facade, callers)])


def _bare(callers: int) -> float:
    """Kilobytes for each caller."""
    with (
        _folder() as folder,
        running("bench.bare_holder", "--ready-fd", "{ready}", environment={}, log=folder / "bare.log") as bare,
        _held(bare, WARM, "warm"),
    ):
        before = settled(bare.private_bytes, looks=3)
        with _held(bare, callers, "job", already=WARM):
            return (settled(bare.private_bytes, looks=5) - before) / callers / 1000


@contextmanager
def _held(server: Process, callers: int, name: str, *, already: int = 0) -> Iterator[Process]:
    """So many more callers, in a process of their own, until the server holds all of them."""
    log = server.log.parent / f"{name}.log"
    with running("bench.callers", server.said, str(callers), name, environment={}, log=log) as waiting:
        everybody = already + callers
        until(lambda: server.count("submit_published") >= everybody, "callers held", within_s=_HELD_WITHIN_S)
        yield waiting


def _end(callers: int, environment: dict[str, str], folder: Path) -> None:
    with running("bench.ender", str(callers), "job", environment=environment, log=folder / "ender.log") as ender:
        ender.child.wait(_HELD_WITHIN_S)


def _answer_times(facade: Process, callers: int) -> Iterator[float]:
    """Seconds from a completion decoded to its answer written, by the facade's own log."""
    decoded = {line["job_id"]: _moment(line) for line in facade.logged("completion_decoded")}
    written = {line["trace_id"]: _moment(line) for line in facade.logged("http_answered") if _is_ok(line)}
    for number in range(callers):
        yield written[trace_id(number)] - decoded[f"job-{number}"]


def _is_ok(line: dict[str, str]) -> bool:
    return str(line["status"]) == "200"


def _moment(line: dict[str, str]) -> float:
    return datetime.fromisoformat(line["time"]).timestamp()


def p99(found: list[float]) -> float:
    """99 of 100 are no larger."""
    return sorted(found)[len(found) * 99 // 100]


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="reelbus-bench-") as folder:
        yield Path(folder)
