"""The task of the Celery side: the same writes, the same film, the same assembly, the same files as a reelbus job."""

import os
import secrets
import shutil
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import plain_editor
from bench.celery_records import records
from bench.ready_model import SECONDS, put_film
from schemas.domain.object_names import final_name, poster_name, work_prefix
from schemas.ports import Probe


def make_video(job_id: str, request: dict[str, Any]) -> dict[str, Any]:
    """From the request's message to the answer. The record is at its first revision."""
    folder = Path(os.environ["BENCH_FOLDER"])
    jobs = records(folder.parent / "jobs.db")
    prefix = work_prefix(job_id, 0, 1)
    jobs.save(job_id, "submitting", 1, request)  # before the paid call
    jobs.save(job_id, "generating", 2, request)  # after it, with the operation's name
    result = _finished(folder, job_id, put_film(Path(os.environ["BENCH_FILM"]), folder, prefix))
    jobs.save(job_id, "succeeded", 3, {**request, **result})
    return result


def _finished(folder: Path, job_id: str, clip: str) -> dict[str, Any]:
    at = datetime.now(UTC)
    names = final_name(at, job_id), poster_name(at, job_id)
    with TemporaryDirectory(prefix="assembly-") as scratch:
        fetched, final, still = (Path(scratch, name) for name in ("clip-0.mp4", "final.mp4", "poster.jpg"))
        shutil.copyfile(folder / clip, fetched)
        probe = _edited(fetched, final, still)
        _put(final, folder / names[0])
        _put(still, folder / names[1])
        size = final.stat().st_size
    about = {"width": probe.width, "height": probe.height, "duration_seconds": SECONDS, "size_bytes": size}
    return {**about, "gcs_path": names[0], "poster_path": names[1], "generation_time": at.isoformat()}


def _edited(clip: Path, final: Path, still: Path) -> Probe:
    if os.environ.get("BENCH_EDITOR") == "plain":
        probe = plain_editor.assemble([clip], duration_seconds=SECONDS, to=final)
        plain_editor.poster(final, still)
        return probe
    from infra.media.editor import assemble, poster

    probe = assemble([clip], duration_seconds=SECONDS, to=final)
    poster(final, still)
    return probe


def _put(source: Path, target: Path) -> None:
    """As our folder does: whole, flushed, under a name that never changes hands, and the name flushed as well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    incoming = target.with_name(f".{secrets.token_hex(8)}")
    with source.open("rb") as original, incoming.open("xb") as file:
        shutil.copyfileobj(original, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())
    os.link(incoming, target)
    incoming.unlink()
    handle = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
