"""Makes the data folder and what lies in it for their owner alone: it holds prompts, pictures and videos."""

import os
from pathlib import Path

FILE_MODE = 0o600
_FOLDER_MODE = 0o700
_READ_BY_OTHERS = 0o044


def make_folder(folder: Path) -> None:
    """Make it and its parent if absent. One that is there keeps its rights: an operator may have given them."""
    for each in (folder.parent, folder):
        each.mkdir(_FOLDER_MODE, parents=True, exist_ok=True)


def make_file(path: Path) -> None:
    """Make an empty file if it is absent."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))


def mode_in(folder: Path) -> int:
    """The mode of a new file there: read by others only where they may read the folder, as a web server may."""
    return FILE_MODE | (folder.stat().st_mode & _READ_BY_OTHERS)
