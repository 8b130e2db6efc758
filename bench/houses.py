"""The two sides of the comparison, each a house of its own: a door, a queue, a worker, a folder of films."""

import json
import math
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.process import Process, running
from bench.ready_model import SECONDS
from bench.redis_server import redis_server
from tests.vertex.films import film, frame_size

Editor = Literal["codecs", "plain"]
"""What finishes the film: the real one, or one that has nothing to do."""
WARM = 40
"""Jobs before the first that counts: libraries are loaded, connections open."""


@dataclass(frozen=True, kw_only=True, slots=True)
class House:
    """Where to ask, and who works."""

    url: str
    folder: Path
    processes: Sequence[Process]

    def ask(self, count: int, at_once: int, name: str) -> "Asked":
        """So many jobs by so many callers, by a process of its own."""
        unique = f"{name}-{uuid.uuid4().hex[:6]}"
        log = self.folder / f"{unique}.log"
        with running("bench.asker", self.url, str(count), str(at_once), unique, environment={}, log=log) as asker:
            return Asked.parse(asker.said)

    def cpu_s(self) -> float:
        """Of all that work."""
        return sum(process.cpu_s() for process in self.processes)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the callers saw."""

    took_s: tuple[float, ...]
    wall_s: float

    @classmethod
    def parse(cls, said: str) -> "Asked":
        found = json.loads(said)
        return cls(tuple(sorted(found["took_s"])), found["wall_s"])

    @property
    def per_s(self) -> float:
        """Jobs."""
        return len(self.took_s) / self.wall_s

    def quantile_ms(self, share: float) -> float:
        """So many of the calls were no slower."""
        return 1000 * self.took_s[math.ceil(len(self.took_s) * share) - 1]


@contextmanager
def reelbus_house(folder: Path, editor: Editor, *, workers: int) -> Iterator[House]:
    """The embedded default as it is shipped; only the model is another."""
    folder.mkdir()
    with ours_in(folder, _film(folder, editor), workers=workers) as house:
        yield house


@contextmanager
def ours_in(folder: Path, environment: Mapping[str, str], *, workers: int = 1) -> Iterator[House]:
    """A facade and workers whose model answers at once, over the adapters that the environment names."""
    environment = {
        **environment,
        "REELBUS_DATA_DIR": str(folder / "data"),
        "REELBUS_MODEL": "vertex://bench",  # an address that the worker never opens: it has a model already
        "REELBUS_SUBMITS_PER_MINUTE": "1000000",
    }
    with ExitStack() as stack:

        def start(log: str, module: str, *arguments: str) -> Process:
            words = (*arguments, "--ready-fd", "{ready}")
            return stack.enter_context(running(module, *words, environment=environment, log=folder / f"{log}.log"))

        facade = start("facade", "publisher", "serve", "--port", "0")
        crew = [start(f"worker-{number}", "bench.ready_worker") for number in range(workers)]
        yield House(url=facade.said, folder=folder, processes=[facade, *crew])


@contextmanager
def celery_house(folder: Path, editor: Editor, *, pool: tuple[str, int]) -> Iterator[House]:
    """Raises `Unavailable` where Redis is missing."""
    folder.mkdir()
    environment = _film(folder, editor)
    with ExitStack() as stack:
        redis = stack.enter_context(redis_server(folder / "redis"))

        def start(module: str, *arguments: str, log: str) -> Process:
            return stack.enter_context(running(module, *arguments, environment=environment, log=folder / f"{log}.log"))

        door = start("bench.celery_door", "--redis", redis, "--ready-fd", "{ready}", log="door")
        worker = start("bench.celery_worker", redis, pool[0], str(pool[1]), "{ready}", log="worker")
        yield House(url=door.said, folder=folder, processes=[door, worker])


@contextmanager
def both(editor: Editor, pool: tuple[str, int], *, workers: int = 1) -> Iterator[tuple[House, House]]:
    """Ours and Celery's on one disk, both warm."""
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reelbus-bench-")))
        ours = stack.enter_context(reelbus_house(root / "reelbus", editor, workers=workers))
        theirs = stack.enter_context(celery_house(root / "celery", editor, pool=pool))
        for house in (ours, theirs):
            house.ask(WARM, 8, "warm")
        yield ours, theirs


def film_in(folder: Path) -> Path:
    """What the model has made already."""
    path = folder / "film.mp4"
    width, height = frame_size("16:9", "720p")
    path.write_bytes(film(SECONDS, width, height, audio=True))
    return path


def _film(folder: Path, editor: Editor) -> Mapping[str, str]:
    videos = folder / "data" / "videos"
    videos.mkdir(parents=True)
    return {"BENCH_FILM": str(film_in(folder)), "BENCH_FOLDER": str(videos), "BENCH_EDITOR": editor}
