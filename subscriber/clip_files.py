"""The files that make up a job's video, in order. The model says how long each is to be, the file how long it is."""

import logging
from collections.abc import Sequence
from pathlib import Path

from schemas.job import Job
from schemas.ledger import Clip
from subscriber.workshop import Workshop

log = logging.getLogger(__name__)


async def fetch_clips(shop: Workshop, job: Job, folder: Path) -> list[Path]:
    """Fetch what is needed, from the last clip back to the first.

    An extension's file should hold all clips before it as well. Some models answer with the added part alone; its
    length tells which it is. Raises `NotFound`, and `Invalid` for what is no video.
    """
    files: list[Path] = []
    last = len(job.clips) - 1
    while last >= 0:
        clip = job.clips[last]
        file = folder / f"clip-{last}.mp4"
        await shop.videos.fetch(clip.output or "", file)
        files.insert(0, file)
        first = last
        if clip.planned.extends:
            found = await shop.editor.measure(file)
            first = first_held(job.clips[: last + 1], found)
            if first:
                log.info("an extension holds the added part alone", extra=_log_fields(job, last, found))
        last = first - 1
    return files


def first_held(clips: Sequence[Clip], seconds: float) -> int:
    """The first clip that the file of the last one holds, by its length. In doubt it holds them all."""
    held, best, nearest = 0.0, 0, float("inf")
    for clip in reversed(clips):
        held += clip.planned.seconds
        if abs(held - seconds) <= nearest:
            best, nearest = clip.index, abs(held - seconds)
        if not clip.planned.extends:
            break
    return best


def _log_fields(job: Job, clip: int, seconds: float) -> dict[str, object]:
    return {"action": "extension_alone", "job_id": job.job_id, "clip": clip, "seconds": round(seconds, 2)}
