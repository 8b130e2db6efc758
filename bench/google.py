"""Jobs a second on Google's emulators, against bare clients that issue the identical operations."""

import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from bench.deployments import WARM, Answers, Deployment, make_clip, open_reelbus_on
from bench.figure import Figure, Side
from bench.ground import set_up
from bench.process import running
from infra.gcp.emulators import find_emulators
from infra.gcp.emulators import run_emulators as emulators_running

JOBS, AT_ONCE, ROUNDS = 150, 32, 4
GOAL = 0.8
TOPICS = ("bare-requests", "bare-completions")


def measure() -> Sequence[Figure]:
    """In turns on the same emulators. Raises `Unavailable` where they are not installed."""
    with _both() as (ours, environment):
        rounds = [(_ours(ours, it), _bare(ours.folder, environment, it).per_s) for it in range(ROUNDS)]
    cpu_ms = sorted(cpu for (_, cpu), _ in rounds)[ROUNDS // 2]
    what = f"{AT_ONCE} callers over HTTP, {JOBS} jobs a round, {cpu_ms:.1f} ms of our CPU each, facade and one worker"
    return [
        Figure(
            name="throughput on Google's emulators",
            goal=GOAL,
            more_is_better=True,
            ours=Side(what=what, unit="jobs/s", rounds=tuple(per_s for (per_s, _), _ in rounds)),
            theirs=Side(
                what="bare clients in two processes, the same operations in the same order, without HTTP",
                unit="jobs/s",
                rounds=tuple(per_s for _, per_s in rounds),
            ),
        )
    ]


def _ours(house: Deployment, number: int) -> tuple[float, float]:
    before = house.cpu_s()
    asked = house.ask(JOBS, AT_ONCE, f"many-{number}")
    return asked.per_s, 1000 * (house.cpu_s() - before) / JOBS


def _bare(folder: Path, environment: Mapping[str, str], number: int) -> Answers:
    arguments = ("asker", str(JOBS), str(AT_ONCE), f"bare-{number}")
    with running("bench.bare_google", *arguments, environment=environment, log=folder / f"bare-{number}.log") as asker:
        return Answers.parse(asker.said)


@contextmanager
def _both() -> Iterator[tuple[Deployment, Mapping[str, str]]]:
    """Ours, warm, and the environment of the bare clients, whose worker runs."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reelbus-bench-")))
        servers = stack.enter_context(emulators_running(find_emulators()))
        project, bucket = f"project-{uuid.uuid4().hex[:10]}", f"bench-{uuid.uuid4().hex[:10]}"
        httpx.post(f"{servers['STORAGE_EMULATOR_HOST']}/storage/v1/b", json={"name": bucket}).raise_for_status()
        film = make_clip(folder)
        environment = {**servers, "BENCH_FILM": str(film), "BENCH_PROJECT": project, "BENCH_BUCKET": bucket}
        _make_topics(project, servers["PUBSUB_EMULATOR_HOST"])
        stack.enter_context(
            running("bench.bare_google", "worker", environment=environment, log=folder / "bare-worker.log")
        )
        adapters = {
            "REELBUS_BUS": f"pubsub://{project}",
            "REELBUS_JOBS": f"firestore://{project}/(default)",
            "REELBUS_VIDEOS": f"gs://{bucket}",
            "BENCH_EDITOR": "plain",
            "BENCH_PRICE": "0.4",
        }
        set_up({**environment, **adapters})
        house = stack.enter_context(open_reelbus_on(folder, {**environment, **adapters}))
        house.ask(WARM, 8, "warm")
        _bare(folder, environment, -1)
        yield house, environment


def _make_topics(project: str, host: str) -> None:
    """The emulator is asked over HTTP: a client here would leave its threads behind."""
    for topic in TOPICS:
        httpx.put(f"http://{host}/v1/projects/{project}/topics/{topic}", json={}).raise_for_status()
