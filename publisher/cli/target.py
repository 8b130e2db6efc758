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
    folder = output if output.is_dir() else output.parent
    if not folder.is_dir():
        raise Invalid(f"output {output} can't be written: there is no folder {folder}", field="output")
    if not os.access(folder, os.W_OK):
        raise Invalid(f"output {output} can't be written: the folder {folder} is read-only", field="output")


async def bring(door: Door, view: JobView, output: Path) -> Path:
    """The video as that file, or in that folder. An older file of that name is replaced, and only by a whole one."""
    target = _target(view, output)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        await door.fetch(view, part)
        os.replace(part, target)
    except OSError as error:
        raise Unavailable(f"{target} can't be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
    return target.absolute()


def _target(view: JobView, output: Path) -> Path:
    return output / Path(view.gcs_path or view.video_id).name if output.is_dir() else output
