"""The sides of the comparison, each a deployment of its own: an HTTP server, a queue, a worker, a folder of videos."""

import json
import math
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench.peers.postgres_server import run_postgres
from bench.peers.redis_server import redis_server
from bench.process import Process, running, tree_cpu_s
from bench.ready_model import SECONDS
from tests.vertex.films import film, frame_size

Editor = Literal["codecs", "plain"]
"""What finishes the video: the real editor, or one that has nothing to do."""
WARM = 40
"""Jobs before the first that counts: libraries are loaded, connections open."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """Where to send requests, and the processes that handle them."""

    url: str
    folder: Path
    processes: Sequence[Process]
    servers: Sequence[int] = field(default=())
    """Process ids of the servers beneath, such as Redis: what they use counts too."""

    def ask(self, count: int, at_once: int, name: str) -> "Answers":
        """Run `count` jobs by `at_once` callers, from a process of their own."""
        unique = f"{name}-{uuid.uuid4().hex[:6]}"
        log = self.folder / f"{unique}.log"
        with running("bench.asker", self.url, str(count), str(at_once), unique, environment={}, log=log) as asker:
            return Answers.parse(asker.said)

    def cpu_s(self) -> float:
        """Return the processor seconds of all processes of this side, and of their children."""
        return sum(tree_cpu_s(pid) for pid in (*(each.child.pid for each in self.processes), *self.servers))


@dataclass(frozen=True, slots=True)
class Answers:
    """What the callers saw."""

    took_s: tuple[float, ...]
    wall_s: float

    @classmethod
    def parse(cls, said: str) -> "Answers":
        """Read the line that `bench.asker` prints."""
        found = json.loads(said)
        return cls(tuple(sorted(found["took_s"])), found["wall_s"])

    @property
    def per_s(self) -> float:
        """Jobs a second."""
        return len(self.took_s) / self.wall_s

    def quantile_ms(self, share: float) -> float:
        """Return the time that this share of the calls did not exceed."""
        return 1000 * self.took_s[math.ceil(len(self.took_s) * share) - 1]


Opener = Callable[[Path, Editor], AbstractContextManager[Deployment]]
"""Opens one side in a new folder. Raises `Unavailable` if a program is missing."""


@contextmanager
def open_reelbus(
    folder: Path, editor: Editor, *, workers: int = 1, price_usd: str = "0", collector: str = "", checks: str = "off"
) -> Iterator[Deployment]:
    """Open the embedded default as it is shipped, but for the model, and for the checks of videos, which no peer has.

    The default of `checks` is `beside`. A clip with a price is guarded as a paid one: a marker before each submit,
    budgets, the pace of submits. With the address of a collector both services send telemetry there.
    """
    folder.mkdir()
    environment = {
        **_environment(folder, editor),
        "BENCH_PRICE": price_usd,
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
        "REELBUS_CHECKS": checks,
    }
    with open_reelbus_on(folder, environment, workers=workers) as deployment:
        yield deployment


@contextmanager
def open_reelbus_on(folder: Path, environment: Mapping[str, str], *, workers: int = 1) -> Iterator[Deployment]:
    """Open a facade and workers whose model answers at once, over the adapters that the environment names."""
    environment = {
        "REELBUS_CHECKS": "off",
        **environment,
        "REELBUS_DATA_DIR": str(folder / "data"),
        "REELBUS_PROVIDER": "vertex://bench",  # an address that the worker never opens: it has a model already
        "REELBUS_SUBMITS_PER_MINUTE": "1000000",
    }
    with ExitStack() as stack:

        def start(log: str, module: str, *arguments: str) -> Process:
            words = (*arguments, "--ready-fd", "{ready}")
            return stack.enter_context(running(module, *words, environment=environment, log=folder / f"{log}.log"))

        facade = start("facade", "publisher", "serve", "--port", "0")
        crew = [start(f"worker-{number}", "bench.ready_worker") for number in range(workers)]
        yield Deployment(url=facade.said, folder=folder, processes=[facade, *crew])


@contextmanager
def open_celery(folder: Path, editor: Editor, *, pool: str, concurrency: int) -> Iterator[Deployment]:
    """Open Celery on Redis."""
    folder.mkdir()
    environment = _environment(folder, editor)
    with ExitStack() as stack:
        redis = stack.enter_context(redis_server(folder / "redis"))

        def start(module: str, *arguments: str, log: str) -> Process:
            return stack.enter_context(running(module, *arguments, environment=environment, log=folder / f"{log}.log"))

        server = start("bench.peers.celery_server", "--redis", redis.url, "--ready-fd", "{ready}", log="server")
        worker = start("bench.peers.celery_worker", redis.url, pool, str(concurrency), "{ready}", log="worker")
        yield Deployment(url=server.said, folder=folder, processes=[server, worker], servers=[redis.pid])


@contextmanager
def open_dbos(folder: Path, editor: Editor, *, form: str) -> Iterator[Deployment]:
    """Open DBOS on PostgreSQL, HTTP server and workflows in one process."""
    folder.mkdir()
    with run_postgres(folder / "postgres") as postgres:
        arguments = ("--database", postgres.sqlalchemy_url, "--form", form, "--ready-fd", "{ready}")
        environment, log = _environment(folder, editor), folder / "server.log"
        with running("bench.peers.dbos_server", *arguments, environment=environment, log=log) as server:
            yield Deployment(url=server.said, folder=folder, processes=[server], servers=[postgres.pid])


@contextmanager
def open_procrastinate(folder: Path, editor: Editor, *, concurrency: int) -> Iterator[Deployment]:
    """Open procrastinate on PostgreSQL."""
    folder.mkdir()
    environment = _environment(folder, editor)
    with ExitStack() as stack:
        postgres = stack.enter_context(run_postgres(folder / "postgres"))

        def start(module: str, *arguments: str, log: str) -> Process:
            return stack.enter_context(running(module, *arguments, environment=environment, log=folder / f"{log}.log"))

        words = (postgres.conninfo, str(concurrency), "{ready}")
        worker = start("bench.peers.procrastinate_worker", *words, log="worker")
        options = ("--database", postgres.conninfo, "--ready-fd", "{ready}")
        server = start("bench.peers.procrastinate_server", *options, log="server")
        yield Deployment(url=server.said, folder=folder, processes=[server, worker], servers=[postgres.pid])


def make_clip(folder: Path) -> Path:
    """Write what the model has made already."""
    path = folder / "film.mp4"
    width, height = frame_size("16:9", "720p")
    path.write_bytes(film(SECONDS, width, height, audio=True))
    return path


def _environment(folder: Path, editor: Editor) -> Mapping[str, str]:
    videos = folder / "data" / "videos"
    videos.mkdir(parents=True)
    return {"BENCH_FILM": str(make_clip(folder)), "BENCH_FOLDER": str(videos), "BENCH_EDITOR": editor}
