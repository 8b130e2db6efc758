"""Starts the real worker or facade with its ports wrapped: `python -m tests.crash.launch PART …`.

Parts are `worker`, `facade`, `courier`, `director` and `maker`. Of a `courier`, a worker, only what its courier uses is
wrapped. A `director` is a worker for films that takes no requests. A `maker` takes requests, and directs no films.

Everything behind these words is the real command's. In the environment, beside the product's own settings:
`CRASH_RECORD` a file for the points that are passed; without it nothing is wrapped
`CRASH_AT`     the point at which the process kills itself
`CRASH_BUCKET` where the wire-level Vertex AI writes into a video folder
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import publisher.compose
import publisher.facade.server
import subscriber.compose
import subscriber.worker
from infra.adapters import Adapters
from publisher.cli import reelbus
from schemas.ports import Bus, Editor, JobStore, VideoChecker, VideoModel, VideoStore
from subscriber.__main__ import main as worker
from subscriber.courier.courier import CourierContext
from subscriber.films.scenes import FilmContext
from tests.crash.answers import AnswerTap
from tests.crash.cases import COURIER, DIRECTOR, MAKER
from tests.crash.files import watch_files
from tests.crash.labels import Labels
from tests.crash.points import Points
from tests.crash.taps import BusTap, FileTap, FilmTap, Tap, WriteTap, target_of
from tests.vertex.rig import adapter


class HouseAdapters(Adapters):
    """The product's, and the paid model over a folder: Google writes into a bucket, the wire-level one wherever we
    say."""

    async def model(self, url: str, *, videos: VideoStore, **how: Any) -> VideoModel:
        """Over a folder where `CRASH_BUCKET` names one."""
        bucket = os.environ.get("CRASH_BUCKET")
        if not bucket:
            return await super().model(url, videos=videos, **how)
        made = adapter(how["settings"].vertex_base_url, videos, bucket=bucket)
        self.close_at_exit(made.aclose)
        return made


class WatchedAdapters(HouseAdapters):
    """Each port with a tap around it."""

    def __init__(self, points: Points) -> None:
        super().__init__()
        self._points, self._labels = points, Labels()

    async def bus(self, url: str, **how: Any) -> Bus:
        """Tapped."""
        return cast("Bus", self._tapped("bus", await super().bus(url, **how), BusTap))

    async def jobs(self, url: str) -> JobStore:
        """Tapped."""
        return cast("JobStore", self._tapped("jobs", await super().jobs(url)))

    async def videos(self, url: str, **how: Any) -> VideoStore:
        """Tapped."""
        return cast("VideoStore", self._tapped("videos", await super().videos(url, **how)))

    async def model(self, url: str, **how: Any) -> VideoModel:
        """Tapped."""
        return cast("VideoModel", self._tapped("model", await super().model(url, **how)))

    async def editor(self) -> Editor:
        """Tapped."""
        return cast("Editor", self._tapped("editor", await super().editor()))

    async def checker(self) -> VideoChecker:
        """Tapped."""
        return cast("VideoChecker", self._tapped("checker", await super().checker()))

    def _tapped(self, port: str, target: object, tap: type[Tap] = Tap) -> Tap:
        return tap(port, target, self._points, self._labels)


def run(part: str, arguments: Sequence[str]) -> None:
    """Becomes the worker or the facade; ends with its exit status."""
    _install(part)
    if part == "facade":
        reelbus(["serve", *arguments], prog_name="reelbus")
    else:
        worker(list(arguments), prog_name="reelbus worker")


def _install(part: str) -> None:
    record = os.environ.get("CRASH_RECORD")
    if part == MAKER:
        vars(subscriber.compose)["open_director"] = _open_nothing
    if not record:
        _open_with(HouseAdapters)
        return
    points = Points(Path(record), fatal=os.environ.get("CRASH_AT"))
    if part == COURIER:
        _open_with(HouseAdapters)
        vars(subscriber.compose)["CourierContext"] = lambda **ports: _watch_courier(points, **ports)
        return
    if part == DIRECTOR:
        _open_with(HouseAdapters)
        vars(subscriber.worker)["Worker"] = _Idle
        vars(subscriber.compose)["FilmContext"] = lambda **ports: _watch_director(points, **ports)
        return
    watch_files(points, Path(os.environ["REELBUS_DATA_DIR"]))
    _open_with(lambda: WatchedAdapters(points))
    vars(subscriber.compose)["CourierContext"] = _leave_courier_alone
    vars(subscriber.compose)["open_director"] = _open_nothing
    _tap_answers(points)


def _watch_courier(points: Points, **ports: Any) -> CourierContext:
    """What a courier does in the order in which it does it. Its looks for due deliveries come by the clock."""
    labels = Labels()
    taps = {"bus": BusTap, "jobs": Tap, "deliveries": WriteTap, "poster": Tap}
    tapped = {name: tap(name, ports[name], points, labels) for name, tap in taps.items()}
    return CourierContext(**{**ports, **tapped})


def _watch_director(points: Points, **ports: Any) -> FilmContext:
    """What a director changes, in the order in which it does it. Its looks come by the clock."""
    labels = Labels()
    taps = {
        "bus": BusTap,
        "jobs": WriteTap,
        "films": FilmTap,
        "videos": FileTap,
        "film_editor": Tap,
        "deliveries": WriteTap,
    }
    tapped = {name: tap(name, ports[name], points, labels) for name, tap in taps.items()}
    return FilmContext(**{**ports, **tapped})


class _Idle:
    """In the place of the worker's loops, beside a director."""

    def __init__(self, **_: object) -> None:
        pass

    async def run(self, stop: asyncio.Event, *, ready: Callable[[], None]) -> None:
        """Report that all is open, and wait."""
        ready()
        await stop.wait()


def _leave_courier_alone(**ports: Any) -> CourierContext:
    """It works beside the worker's own loops, at steps whose order is chance."""
    return CourierContext(**{name: target_of(port) for name, port in ports.items()})


@asynccontextmanager
async def _open_nothing(*_: object) -> AsyncIterator[None]:
    """The director of films is beside the worker, and has kills of its own."""
    yield


def _open_with(adapters: Callable[[], Adapters]) -> None:
    for root in (subscriber.compose, publisher.compose):
        vars(root)["Adapters"] = adapters


def _tap_answers(points: Points) -> None:
    server = vars(publisher.facade.server)
    build_app = server["build_app"]
    server["build_app"] = lambda state: AnswerTap(build_app(state), points)


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2:])
