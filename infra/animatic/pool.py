"""The renderers: a pool of processes, so that the event loop never blocks and all cores draw.

The children hold one end of a pipe, the lifeline. When the pool closes or its process is killed, the other end closes
too, and the children exit: a killed worker leaves no renderer behind.
"""

import asyncio
import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from pathlib import Path

from infra.animatic.frame_reports import FrameReport, FrameReporter
from infra.animatic.storyboard import Storyboard
from infra.parent import exit_with_parent


class RenderPool:
    """Renders storyboards, `renderers` at a time, in the order of the calls."""

    def __init__(self, renderers: int) -> None:
        self._renderers = renderers
        self._spawn = multiprocessing.get_context("spawn")
        self._open()

    async def render(self, board: Storyboard, to: Path, report: FrameReport | None = None) -> None:
        """Write a finished MP4 to `to`, and report the frames while they are written.

        Raises ValueError for an image that can't be drawn, and `BrokenProcessPool` if a renderer was killed: the pool
        is a new one then, and the same call may be made again.
        """
        pool = self._pool
        try:
            await asyncio.get_running_loop().run_in_executor(pool, _render, board, to, report)
        except BrokenProcessPool:
            if pool is self._pool:
                self.close()
                self._open()
            raise

    def warm(self) -> None:
        """Start the renderers before the first job comes."""
        for _ in range(self._renderers):
            self._pool.submit(_import_everything)

    def close(self) -> None:
        """End the children at once, and with them every render that they work on."""
        self._lifeline.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._watched.close()

    def _open(self) -> None:
        self._watched, self._lifeline = self._spawn.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(
            self._renderers, mp_context=self._spawn, initializer=_begin, initargs=(self._watched,)
        )


def _begin(lifeline: Connection) -> None:
    """Prepare the child. It ignores Ctrl-C, which reaches the whole process group: the parent handles it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    exit_with_parent(os.dup(lifeline.fileno()), grace_s=0)


def _render(board: Storyboard, to: Path, report: FrameReport | None) -> None:
    from infra.animatic.render import render

    render(board, to, FrameReporter(report) if report else None)


def _import_everything() -> None:
    import infra.animatic.render  # noqa: F401
