"""The work of one job, the same on every side: a clip in the store, the assembled video and its poster, on the disk.

Files are linked where reelbus links them: the clip into the scratch folder, the finished files into the store.
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import plain_editor
from bench.ready_model import SECONDS, put_film
from schemas.domain.object_names import final_name, poster_name, work_prefix
from schemas.ports import Probe


def submit(job_id: str) -> str:
    """Have the model make the clip, as the paid call does. Return the clip's name in the store."""
    return put_film(Path(os.environ["BENCH_FILM"]), store(), work_prefix(job_id, 0, 1))


def finish(job_id: str, clip: str) -> dict[str, Any]:
    """Assemble the video, store it and its poster, and return the caller's answer."""
    folder, at = store(), datetime.now(UTC)
    names = final_name(at, job_id), poster_name(at, job_id)
    with TemporaryDirectory(prefix="assembly-", dir=folder.parent) as scratch:
        fetched, final, still = (Path(scratch, name) for name in ("clip-0.mp4", "final.mp4", "poster.jpg"))
        os.link(folder / clip, fetched)
        probe = _edit(fetched, final, still)
        put(final, folder / names[0])
        put(still, folder / names[1])
        size = final.stat().st_size
    about = {"width": probe.width, "height": probe.height, "duration_seconds": SECONDS, "size_bytes": size}
    return {**about, "gcs_path": names[0], "poster_path": names[1], "generation_time": at.isoformat()}


def store() -> Path:
    """Return the folder of this side's videos."""
    return Path(os.environ["BENCH_FOLDER"])


def put(source: Path, target: Path) -> None:
    """Store a file as our folder does: whole, flushed, under a name that is never reused; the name is flushed too."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _flush(source)
    os.link(source, target)
    _flush(target.parent)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _edit(clip: Path, final: Path, still: Path) -> Probe:
    if os.environ.get("BENCH_EDITOR") == "plain":
        probe = plain_editor.assemble([clip], duration_seconds=SECONDS, to=final)
        plain_editor.poster(final, still)
        return probe
    from infra.media.editor import assemble, poster

    probe = assemble([clip], duration_seconds=SECONDS, to=final)
    poster(final, still)
    return probe
