"""What a job in flight costs the worker that holds it: memory, and threads."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bench.figure import Figure, Side, limit
from bench.ground import Ground, Kind, ground
from bench.process import Process, running
from bench.until import settled, until

WARM = 500
"""Jobs before the first look: libraries are loaded, connections open, pools filled, and the room that the imports left
in the heap is used up. It is 8 MB more or less from one start to the next, and would be taken for what jobs cost."""
JOBS = 1_000
MANY = 10_000
PATIENT_S = 3600.0
GOAL_KB = 40.0
FILM_S = 24 * 3600.0
ROUNDS = 1
"""`make soak` weighs the same, and fails beyond the limit."""
_ACCEPTED_WITHIN_S = 600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Weight:
    """What so many jobs added to a worker that held a few already."""

    jobs: int
    kb_each: float
    threads: int
    """Beyond those that it had before."""


def measure() -> Sequence[Figure]:
    """A thousand on the embedded default and on Google's emulators, in turns."""
    weights: dict[Kind, list[Weight]] = {"embedded": [], "google": []}
    for _ in range(ROUNDS):
        for kind, found in weights.items():
            found.append(weigh(kind, JOBS))
    return [_figure(kind, found) for kind, found in weights.items()]


def measure_many() -> Sequence[Figure]:
    """Ten thousand, for their memory alone: polls of so many every ten seconds are more than one core can answer."""
    return [_figure("embedded", [weigh("embedded", MANY, poll_every_s=PATIENT_S)])]


def _figure(kind: Kind, weights: Sequence[Weight]) -> Figure:
    jobs = f"{weights[0].jobs:,} jobs"
    ours = Side(
        what=f"{jobs} in flight in one worker, {kind} bus and store",
        unit="kB each",
        rounds=tuple(weight.kb_each for weight in weights),
    )
    return Figure(
        name=f"memory in flight, {jobs}, {kind}",
        goal=1,
        ours=ours,
        theirs=limit("the limit", "kB each", GOAL_KB),
        note=f"threads that came with them: {max(weight.threads for weight in weights)}",
    )


def weigh(
    kind: Kind, jobs: int, *, poll_every_s: float | None = None, servers: Mapping[str, str] | None = None
) -> Weight:
    """One worker, warm; then so many jobs more, accepted and running. `servers`: emulators that run already."""
    with (
        ground(kind, film_s=FILM_S, servers=servers) as place,
        holding(place, WARM, room=jobs, poll_every_s=poll_every_s) as worker,
    ):
        before, threads = settled(worker.private_bytes), worker.threads()
        hold(place, worker, jobs, already=WARM, name="job")
        after = settled(worker.private_bytes)
        return Weight(jobs=jobs, kb_each=(after - before) / jobs / 1000, threads=worker.threads() - threads)


@contextmanager
def holding(place: Ground, jobs: int, *, room: int = 0, poll_every_s: float | None = None) -> Iterator[Process]:
    """A worker with so many jobs in flight, and room for more; as it is, or with another pause between polls."""
    module = "subscriber" if poll_every_s is None else "bench.patient_worker"
    with place.worker(module, REELBUS_IN_FLIGHT=str(jobs + room), BENCH_POLL_EVERY_S=f"{poll_every_s}") as worker:
        hold(place, worker, jobs, already=0, name="warm")
        yield worker


def hold(place: Ground, worker: Process, jobs: int, *, already: int, name: str) -> None:
    """So many jobs more, until the model has accepted each."""
    publish(place, jobs, name)
    everything = already + jobs
    until(
        lambda: worker.count("submit_accepted") >= everything,
        f"{everything} accepted submits",
        within_s=_ACCEPTED_WITHIN_S,
    )


def publish(place: Ground, jobs: int, name: str) -> None:
    """By a process of its own; done once all of them are on the bus."""
    arguments = ("--count", str(jobs), "--name", name)
    with running("bench.publish", *arguments, environment=place.environment, log=place.folder / f"{name}.log"):
        pass  # it is ready when it is done
