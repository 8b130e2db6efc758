"""Starts the real worker or facade with its ports wrapped: `python -m tests.crash.launch worker|facade …`.

Everything behind these words is the real command's. In the environment, beside the product's own settings:
`CRASH_RECORD` a file for the points that are passed; without it nothing is wrapped
`CRASH_AT`     the point at which the process kills itself
`CRASH_BUCKET` where the wire-level Vertex AI writes into a video folder
"""

import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import publisher.compose
import publisher.facade.server
import subscriber.compose
from infra.adapters import Adapters
from publisher.cli import reelbus
from schemas.ports import Bus, Editor, JobStore, VideoModel, VideoStore
from subscriber.__main__ import main as worker
from tests.crash.answers import AnswerTap
from tests.crash.files import watch_files
from tests.crash.labels import Labels
from tests.crash.points import Points
from tests.crash.taps import BusTap, Tap
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

    def _tapped(self, port: str, target: object, tap: type[Tap] = Tap) -> Tap:
        return tap(port, target, self._points, self._labels)


def run(part: str, arguments: Sequence[str]) -> None:
    """Becomes the worker or the facade; ends with its exit status."""
    _install()
    if part == "worker":
        worker(list(arguments), prog_name="reelbus worker")
    else:
        reelbus(["serve", *arguments], prog_name="reelbus")


def _install() -> None:
    if record := os.environ.get("CRASH_RECORD"):
        points = Points(Path(record), fatal=os.environ.get("CRASH_AT"))
        watch_files(points, Path(os.environ["REELBUS_DATA_DIR"]))
        _open_with(lambda: WatchedAdapters(points))
        vars(subscriber.compose)["open_courier"] = _open_no_courier
        _tap_answers(points)
    else:
        _open_with(HouseAdapters)


@asynccontextmanager
async def _open_no_courier(*_: object) -> AsyncIterator[None]:
    """The courier's loops are beside those of the worker: tests/courier/test_kills.py kills it at its own steps."""
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
