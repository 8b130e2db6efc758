"""Files that are made of a finished video when a caller first asks for them: sprite sheet, preview, captions.

A file is made once and stored beside the video's poster. Callers that ask at the same time share one making. A video of
which a file can't be made is not tried again for ten minutes.
"""

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from schemas.domain.captions import to_webvtt
from schemas.domain.job import Job
from schemas.domain.object_names import DERIVED
from schemas.errors import NotFound, Unavailable
from schemas.ports import Clock, FileDeriver, JobStore, NotDerived, VideoStore
from schemas.wire.media_types import type_of_name

logger = logging.getLogger(__name__)

WITHIN_S = 60.0
"""The longest that one file may take."""
MAKINGS_AT_MOST = 16
"""Files that one process has in the making; further callers are told to come back."""
SOURCE_AT_MOST_BYTES = 2_000_000_000
_FAILED_FOR_S = 600.0
_FAILURES_AT_MOST = 1000
_KNOWN_AT_MOST = 10_000


@dataclass(kw_only=True, slots=True)
class DerivedFiles:
    """The derived files of one process."""

    jobs: JobStore
    videos: VideoStore
    clock: Clock
    deriver: FileDeriver
    _makings: dict[str, "asyncio.Task[None]"] = field(default_factory=dict)
    _failures: "OrderedDict[str, tuple[float, str]]" = field(default_factory=OrderedDict)
    _known: "OrderedDict[str, None]" = field(default_factory=OrderedDict)
    """The names of files that are stored."""
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def find_or_make(self, job: Job, variant: str) -> str:
        """Return the name of a file in the video store. Raises `NotFound` if the video has none, and `Unavailable`."""
        name = job.variant_name(variant)
        if await self._is_stored(name):
            return name
        until, reason = self._failures.get(name, (0.0, ""))
        if self.clock.boot() < until:
            raise NotFound(reason)
        making = self._makings.get(name)
        if making is None:
            if len(self._makings) >= MAKINGS_AT_MOST:
                raise Unavailable("too many files of videos are being made", retry_after_s=5)
            making = self._makings[name] = asyncio.create_task(self._make(job, variant, name))
            making.add_done_callback(lambda task: self._end(name, task))
        await asyncio.shield(making)  # a caller that hangs up does not end it for the others
        return name

    async def _is_stored(self, name: str) -> bool:
        """Return True for a file that is stored. The store is read once for each name, and the file is small."""
        if name in self._known:
            return True
        try:
            with TemporaryDirectory(prefix="derived-", ignore_cleanup_errors=True) as folder:
                await self.videos.fetch(name, Path(folder) / "found")
        except NotFound:
            return False
        self._remember(name)
        return True

    def _remember(self, name: str) -> None:
        self._known[name] = None
        while len(self._known) > _KNOWN_AT_MOST:
            self._known.popitem(last=False)

    async def aclose(self) -> None:
        """End what is in the making."""
        makings = list(self._makings.values())
        for making in makings:
            making.cancel()
        await asyncio.gather(*makings, return_exceptions=True)

    def _end(self, name: str, making: "asyncio.Task[None]") -> None:
        del self._makings[name]
        error = None if making.cancelled() else making.exception()
        if error is None and not making.cancelled():
            self._remember(name)
        if isinstance(error, NotFound):
            self._failures[name] = (self.clock.boot() + _FAILED_FOR_S, str(error))
            while len(self._failures) > _FAILURES_AT_MOST:
                self._failures.popitem(last=False)

    async def _make(self, job: Job, variant: str, name: str) -> None:
        with TemporaryDirectory(prefix="derived-", ignore_cleanup_errors=True) as folder:
            made = Path(folder) / f"made.{DERIVED[variant]}"
            if variant == "captions":
                await asyncio.to_thread(made.write_text, _captions_of(job), encoding="utf-8")
            else:
                await self._derive(job, variant, made)
            await self.videos.put(name, made, content_type=type_of_name(name))
        known = await self.jobs.get(job.job_id)
        if known is None or known.erased_at:  # meanwhile: its files were deleted before this one was stored
            await self.videos.delete(name)
            raise NotFound("this video was erased")
        logger.info("made a file of a video", extra={"action": "derived", "job_id": job.job_id, "variant": variant})

    async def _derive(self, job: Job, variant: str, made: Path) -> None:
        if job.result is None or job.result.size_bytes > SOURCE_AT_MOST_BYTES:
            raise NotFound(f"the {variant} of a video of more than {SOURCE_AT_MOST_BYTES:,} bytes is not made")
        async with self._one_at_a_time:
            video = made.with_name("video.mp4")
            await self.videos.fetch(job.result.gcs_path, video)
            try:
                await self.deriver.derive(variant, video, made, within_s=WITHIN_S)
            except NotDerived as error:
                extra = {"action": "not_derived", "job_id": job.job_id, "variant": variant, "reason": str(error)}
                logger.warning("a file of a video can't be made", extra=extra)
                raise NotFound(f"the {variant} of this video can't be made") from error


def _captions_of(job: Job) -> str:
    script = (job.request.scene.script if job.request.scene else None) or ""
    captions = to_webvtt(script, job.result.duration_seconds) if job.result else None
    if captions is None:
        raise NotFound("this video has no captions: its request has no scene with a script")
    return captions
