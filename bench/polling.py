"""What waiting for a model costs: processor time per poll, between polls, and the delay of whoever comes next."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from bench.figure import Figure, Side, limit
from bench.ground import Ground, ground
from bench.inflight import FILM_S, JOBS, PATIENT_S, holding, publish
from bench.process import Process, running
from bench.until import until

POLL_GOAL, QUIET_GOAL, START_GOAL = 1.3, 0.05, 1.25
WINDOW_S = 12.0
WINDOWS = 3
NEXT_JOBS = 15
_QUIET_AFTER_S = 10.0
_ADDRESS = "{vertex}/v1beta1/{resource}"


def measure() -> Sequence[Figure]:
    """With a thousand jobs in flight on the embedded bus and store, and the model on the wire."""
    with ground("embedded", film_s=FILM_S) as place, holding(place, JOBS, room=NEXT_JOBS) as worker:
        figures = [_per_poll(place, worker), _start(place, worker)]
    with ground("embedded", film_s=FILM_S) as place, holding(place, JOBS, poll_every_s=PATIENT_S) as worker:
        return [*figures, _between(worker)]


def _per_poll(place: Ground, worker: Process) -> Figure:
    with _bare(place, worker) as (bare, bare_polls):
        rounds = [_window(place, worker, bare, bare_polls) for _ in range(WINDOWS)]
    what = f"the process's CPU for each poll of {JOBS:,} operations, every 10 s"
    ours = Side(what=f"{what}, worker", unit="ms", rounds=tuple(ours for ours, _ in rounds))
    theirs = Side(what="a loop of bare httpx over the same operations", unit="ms", rounds=tuple(it for _, it in rounds))
    return Figure(name="CPU per poll", goal=POLL_GOAL, ours=ours, theirs=theirs, note="both at once, on one model")


@contextmanager
def _bare(place: Ground, worker: Process) -> Iterator[tuple[Process, Callable[[], int]]]:
    """A loop of bare httpx over the worker's operations, and how many polls it has made."""
    names = [line["operation"].partition(":")[2] for line in worker.logged("submit_accepted")]
    addresses = "\n".join(_ADDRESS.format(vertex=place.vertex, resource=name) for name in names)
    counted = place.folder / "bare-polls"
    log = place.folder / "bare.log"
    with running("bench.bare_poller", str(counted), environment={}, log=log, stdin=addresses) as bare:
        until(lambda: _count(counted) >= len(names), "a first poll of each", within_s=60)
        yield bare, lambda: _count(counted)


def _count(counted: Path) -> int:
    return int.from_bytes(counted.read_bytes()) if counted.exists() else 0


def _window(place: Ground, worker: Process, bare: Process, bare_polls: Callable[[], int]) -> tuple[float, float]:
    """Milliseconds per poll of both, at the same time."""

    def look() -> tuple[float, int, float, int]:
        return worker.cpu_s(), place.polls(), bare.cpu_s(), bare_polls()

    ours, every, theirs, some = look()
    time.sleep(WINDOW_S)
    ours_after, every_after, theirs_after, some_after = look()
    bare_made = some_after - some
    made = every_after - every - bare_made
    return 1000 * (ours_after - ours) / made, 1000 * (theirs_after - theirs) / bare_made


def _between(worker: Process) -> Figure:
    """Of a worker that holds as many, and need not ask for any."""
    time.sleep(_QUIET_AFTER_S)
    rounds = tuple(_busy(worker) for _ in range(WINDOWS))
    ours = Side(what=f"worker with {JOBS:,} jobs in flight and no poll due", unit="of a core", rounds=rounds)
    theirs = limit("the limit", "of a core", QUIET_GOAL)
    return Figure(name="CPU between polls", goal=1, ours=ours, theirs=theirs)


def _busy(worker: Process) -> float:
    before, began = worker.cpu_s(), time.monotonic()
    time.sleep(WINDOW_S)
    return (worker.cpu_s() - before) / (time.monotonic() - began)


def _start(place: Ground, worker: Process) -> Figure:
    """One job after the other, now at this worker and now at one that does nothing else."""
    with ExitStack() as stack:
        other = stack.enter_context(ground("embedded", film_s=FILM_S))
        idle = stack.enter_context(holding(other, 1, room=NEXT_JOBS))
        pairs = [(_delay(place, worker, name), _delay(other, idle, name)) for name in map(_name, range(NEXT_JOBS))]
    busy_s, idle_s = (tuple(side) for side in zip(*pairs, strict=True))
    what = "from a published request to its accepted submit, p50, by a worker"
    ours = Side(what=f"{what} with {JOBS:,} in flight", unit="ms", rounds=tuple(1000 * delay for delay in busy_s))
    theirs = Side(what="by an idle one", unit="ms", rounds=tuple(1000 * delay for delay in idle_s))
    return Figure(name="start of the next job", goal=START_GOAL, ours=ours, theirs=theirs, note=f"{NEXT_JOBS} each")


def _name(number: int) -> str:
    return f"next-{number}"


def _delay(place: Ground, worker: Process, name: str) -> float:
    """Seconds, by the log lines of both processes."""
    publish(place, 1, name)
    job = f"{name}-0"
    until(lambda: bool(_moments(worker.logged("submit_accepted"), job)), name, within_s=60)
    (accepted,) = _moments(worker.logged("submit_accepted"), job)
    publisher = Process(worker.child, "", place.folder / f"{name}.log")
    (published,) = _moments(publisher.logged("submit_published"), job)
    return accepted - published


def _moments(lines: Iterator[dict[str, str]], job: str) -> list[float]:
    return [datetime.fromisoformat(line["time"]).timestamp() for line in lines if line["job_id"] == job]
