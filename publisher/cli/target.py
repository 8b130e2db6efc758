"""Where the finished video goes on this machine."""

import os
from pathlib import Path

from publisher.cli.door import Door
from schemas.errors import Invalid, Unavailable
from schemas.view import JobView


def check_target(output: Path | None) -> None:
    """Before anything is asked for: raises `Invalid` where the file can't be written."""
    if output is None:
        return
    folder = output if os.path.isdir(output) else output.parent
    if not os.path.isdir(folder):
        raise Invalid(f"output {output} can't be written: there is no folder {folder}", field="output")
    if not os.access(folder, os.W_OK):
        raise Invalid(f"output {output} can't be written: the folder {folder} is read-only", field="output")
    if folder == output.parent and os.path.lexists(output) and not os.path.isfile(output):
        raise Invalid(f"output {output} can't be written: it is no file", field="output")
    _try_to_write(output, folder)


def _try_to_write(output: Path, folder: Path) -> None:
    """Rights alone don't tell: a full or odd file system, or a name that is too long, takes no file either."""
    part = folder / _part_name("x" if folder == output else output.name)
    try:
        part.open("xb").close()
        part.unlink()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise Invalid(f"output {output} can't be written: {reason}", field="output") from error


async def bring(door: Door, view: JobView, output: Path) -> Path:
    """The video as that file, or in that folder. An older file of that name is replaced, and only by a whole one."""
    target = _target(view, output)
    part = target.with_name(_part_name(target.name))
    try:
        await door.fetch(view, part)
        os.replace(part, target)
    except OSError as error:
        raise Unavailable(f"{target} can't be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
    return target.absolute()


def _part_name(name: str) -> str:
    return f".{name}.{os.getpid()}.part"


def _target(view: JobView, output: Path) -> Path:
    return output / Path(view.gcs_path or view.video_id).name if output.is_dir() else output
