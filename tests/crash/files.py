"""Points at the file operations of a process: the interpreter tells of each one right before it happens."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.crash.points import Points

_WHERE: dict[str, tuple[int, int | None]] = {
    "os.rename": (1, 3),
    "os.link": (1, 3),
    "os.remove": (0, 1),
    "os.rmdir": (0, 1),
    "os.mkdir": (0, 2),
    "open": (0, None),
}
"""Which argument says what it is about, and which one is the folder that it is relative to."""
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_ROOTS = ("videos", "scratch")
"""The database's own files are SQLite's matter, and which wake-up hints come is chance."""
_OWN_FOLDER = re.compile(r"[0-9a-f]{32}")
_RANDOM = re.compile(r"^\.?[0-9a-f]{32}$|(?<=assembly-)\w{8}$|(?<=\.)[0-9a-f]+(?=\.part$)")
_OF_A_JOB = re.compile(r"^video_.*(?=\.)|^[0-9a-f]{64}(?=\.)")


def watch_files(points: Points, data_dir: Path) -> None:
    """From here on, for as long as the process lives."""
    sys.addaudithook(_hook(points, data_dir))


def _hook(points: Points, root: Path) -> Callable[[str, tuple[Any, ...]], None]:
    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _WHERE or (event == "open" and not _writes(arguments)):
            return
        name = _name(event, arguments, root)
        if name:
            points.passed(f"before file.{event.removeprefix('os.')} {name}")

    return hook


def _writes(arguments: tuple[Any, ...]) -> bool:
    return isinstance(arguments[0], (str, os.PathLike)) and bool((arguments[2] or 0) & _WRITES)


def _name(event: str, arguments: tuple[Any, ...], root: Path) -> str | None:
    """The path below the data folder, without what differs from run to run; None for a file that is none of ours."""
    at, folder_at = _WHERE[event]
    path = os.fsdecode(arguments[at])
    if folder_at is not None and not path.startswith("/") and arguments[folder_at] != -1:
        path = f"{os.readlink(f'/proc/self/fd/{arguments[folder_at]}')}/{path}"
    below = path.removeprefix(f"{root}/").split("/")
    if below[0] == "scratch" and _OWN_FOLDER.fullmatch("".join(below[1:2])):
        del below[1]  # the worker's own folder comes and goes with the process, not with a job
        if len(below) == 1:
            return None
    if below[0] not in _ROOTS:
        return None
    # The folder is called as its one job is.
    return "/".join("x" if part == root.name else _OF_A_JOB.sub("x", _RANDOM.sub("x", part)) for part in below)
