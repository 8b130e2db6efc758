"""Read the checks of a video. They are in the record, or in a small file beside the video.

The file exists because release 0.1.0 refuses a record and a completion with a key that it does not know. It never reads
this file.
"""

import logging
from pathlib import Path

from pydantic import ValidationError

from schemas.domain.job import Job
from schemas.errors import NotFound, ReelbusError
from schemas.ports import VideoStore
from schemas.services.stored_file import read_stored_file
from schemas.wire.checks import Checks

logger = logging.getLogger(__name__)


async def read_checks(videos: VideoStore, job: Job, *, scratch: Path | None = None) -> Checks | None:
    """Return the checks of a finished video; None if there are none, or none that can be read now.

    `scratch` is the scratch folder of a worker, see `read_stored_file`.
    """
    if job.result is None or job.erased_at:
        return None
    if job.result.checks is not None:
        return job.result.checks
    try:
        return Checks.model_validate_json(await read_stored_file(videos, job.checks_name, scratch=scratch))
    except NotFound:
        return None
    except (ReelbusError, ValidationError, OSError) as error:
        extra = {"action": "checks_unread", "job_id": job.job_id, "reason": type(error).__name__}
        logger.warning("the checks of a video can't be read", extra=extra)
        return None
