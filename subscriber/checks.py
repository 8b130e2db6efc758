"""Look at a finished video before its end is announced. It only adds flags: it fails no job and throws nothing away.

It takes place after the video is stored and before the record says so, where a killed worker's work is done again by
the next one. No clip is submitted there, so that nothing can be paid twice.
"""

import logging
import time
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

from schemas.domain.checks import RULES_VERSION, CheckRules, asks_for_stillness, judge, note_provenance
from schemas.domain.job import Job
from schemas.domain.object_names import name_in_store
from schemas.errors import ReelbusError
from schemas.ports import NotMeasured, VideoChecker, VideoStore
from schemas.wire.checks import Checks

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoChecks:
    """How this worker checks videos."""

    checker: VideoChecker
    rules: CheckRules = field(default_factory=CheckRules)
    within_s: float = 30
    in_record: bool = False
    """True if record and completion hold the result. Else it is a file beside the video, which old versions ignore."""

    async def check(self, videos: VideoStore, job: Job, final: Path, *, provenance: str | None = None) -> Checks | None:
        """Look at the file `final`, and keep the result. Return it if the record has to hold it."""
        found = note_provenance(await self._look(videos, job, final), provenance)
        details = {"flags": found.summary, "checked_in_ms": found.checked_in_ms, "reason": found.unchecked}
        logger.info("looked at the video", extra={**_about(job, "checked"), **details})
        if self.in_record:
            return found
        try:
            body = found.model_dump_json(exclude_defaults=True).encode()
            await videos.put(job.checks_name, body, content_type="application/json")
        except ReelbusError as error:
            extra = {**_about(job, "checks_not_stored"), "reason": str(error)}
            logger.warning("the checks of a video can't be stored", extra=extra)
        return None

    async def _look(self, videos: VideoStore, job: Job, final: Path) -> Checks:
        begun = time.monotonic()
        try:
            reference = await _fetch_reference(videos, job, final.with_name("reference"))
            measures = await self.checker.measure(final, self.rules, reference=reference, within_s=self.within_s)
            joints = list(accumulate(clip.planned.seconds for clip in job.clips[:-1]))
            found = judge(
                measures,
                self.rules,
                wants_sound=job.request.generate_audio,
                may_freeze=asks_for_stillness(job.request),
                joints=joints,
            )
        except NotMeasured as error:
            found = Checks(rules=RULES_VERSION, changed_rules=self.rules.changes, unchecked=str(error))
        except Exception as error:  # whatever it is, the video is stored and paid: its job must succeed
            logger.exception("a check broke", extra=_about(job, "check_broke"))
            found = Checks(rules=RULES_VERSION, changed_rules=self.rules.changes, unchecked=type(error).__name__)
        return found.model_copy(update={"checked_in_ms": round(1000 * (time.monotonic() - begun))})


async def _fetch_reference(videos: VideoStore, job: Job, to: Path) -> Path | None:
    """Fetch the image that the first frame should show. Without it nothing is compared."""
    if job.request.reference_image is None:
        return None
    try:
        await videos.fetch(name_in_store(job.request.reference_image) or job.request.reference_image, to)
    except ReelbusError as error:
        logger.info("no image to compare with", extra={**_about(job, "no_reference"), "reason": str(error)})
        return None
    return to


def _about(job: Job, action: str) -> dict[str, str]:
    return {"action": action, "job_id": job.job_id}
