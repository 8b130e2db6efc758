"""How soon each program is there for whoever started it: a warm machine, one program at a time."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from bench.figure import Figure, Side, limit
from bench.ground import Ground, ground
from bench.inflight import publish
from bench.process import Process, running
from bench.until import until
from schemas.errors import Unavailable

ROUNDS = 5
HELP_S, FACADE_S, WORKER_S = 0.3, 1.0, 3.0
_FILM_S = 24 * 3600.0
_AT_ONCE = {"REELBUS_DRAIN_S": "0"}
"""A worker that stops leaves its job to the next one, which has nothing to do but ask after it now and then."""


def measure() -> Sequence[Figure]:
    """Round by round the command, the facade and the worker. The round before the first warms the files' cache."""
    command = _command()
    helps, facades, workers, submits = [], [], [], []
    with ground("google", film_s=_FILM_S) as place, tempfile.TemporaryDirectory(prefix="reelbus-bench-") as folder:
        for number in range(1 + ROUNDS):
            helps.append(_help_s(command))
            facades.append(_ready_s(_facade(Path(folder))))
            workers.append(_ready_s(place.worker(**_AT_ONCE)))
            submits.append(_submitted_s(place, f"round-{number}"))
    return [
        _figure("start-up of `reelbus --help`", "the installed command, until it has ended", helps, HELP_S),
        _figure(
            "start-up of the facade", "`reelbus serve` on the embedded default, until it listens", facades, FACADE_S
        ),
        _figure(
            "start-up of the worker", "on Google's adapters and emulators, until it takes requests", workers, WORKER_S
        ),
        _figure("start-up of the worker, to a submit", "until a request that waited is accepted", submits, WORKER_S),
    ]


def _figure(name: str, what: str, rounds: Sequence[float], goal_s: float) -> Figure:
    ours = Side(what=what, unit="s", rounds=tuple(rounds[1:]))
    return Figure(name=name, goal=1, ours=ours, theirs=limit("the limit", "s", goal_s))


def _command() -> Path:
    command = Path(sys.executable).with_name("reelbus")
    if not command.exists():
        raise Unavailable(f"there is no reelbus command beside {Path(sys.executable).name}: it is not installed there")
    return command


def _help_s(command: Path) -> float:
    begun = time.perf_counter()
    subprocess.run([command, "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def _ready_s(process: AbstractContextManager[Process]) -> float:
    """From the moment before it is started to its first word."""
    begun = time.perf_counter()
    with process:
        return time.perf_counter() - begun


@contextmanager
def _facade(folder: Path) -> Iterator[Process]:
    environment = {"REELBUS_DATA_DIR": str(folder / "data")}
    arguments = ("serve", "--port", "0", "--ready-fd", "{ready}")
    with running("publisher", *arguments, environment=environment, log=folder / "facade.log") as facade:
        yield facade


def _submitted_s(place: Ground, name: str) -> float:
    """With a request that waits already: until the model has accepted it."""
    publish(place, 1, name)
    begun = time.perf_counter()
    with place.worker(**_AT_ONCE) as worker:
        until(lambda: worker.count("submit_accepted") > 0, "an accepted submit", within_s=60, look_every_s=0.02)
        return time.perf_counter() - begun
