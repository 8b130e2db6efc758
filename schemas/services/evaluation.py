"""Read the score of a video against its prompt: a small file beside the video, since it holds words of the prompt."""

import logging
from pathlib import Path

from pydantic import ValidationError

from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.errors import NotFound, ReelbusError
from schemas.ports import VideoStore
from schemas.services.stored_file import read_stored_file
from schemas.wire.evaluation import Evaluation

logger = logging.getLogger(__name__)

_WAITS = Evaluation(unevaluated="it is not evaluated yet; an evaluator does that, see docs/checks.md")
_UNREADABLE = Evaluation(unevaluated="its stored score can't be read: it is damaged, or a later version wrote it")


async def read_evaluation(videos: VideoStore, job: Job, *, scratch: Path | None = None) -> Evaluation | None:
    """Return the score of a finished video; None if it is not evaluated. Raises `Unavailable` and `OSError`.

    A file that can't be parsed is `unevaluated`: the video was evaluated, and must not be paid for again.
    `scratch` is the scratch folder of an evaluator, see `read_stored_file`.
    """
    try:
        return Evaluation.model_validate_json(await read_stored_file(videos, job.evaluation_name, scratch=scratch))
    except NotFound:
        return None
    except ValidationError as error:
        _log_unread(job, error)
        return _UNREADABLE


async def show_evaluation(videos: VideoStore, job: Job) -> Evaluation | None:
    """Return what a page of the job shows of its evaluation; None if nothing asked for one.

    The store is read only for a job whose request asked for it, or that an evaluator has chosen.
    """
    is_asked = job.request.evaluate or bool(job.evaluations)
    if job.state is not JobState.SUCCEEDED or job.erased_at or not is_asked:
        return None
    try:
        return await read_evaluation(videos, job) or _WAITS
    except (ReelbusError, OSError) as error:
        _log_unread(job, error)
        return None


def _log_unread(job: Job, error: Exception) -> None:
    extra = {"action": "evaluation_unread", "job_id": job.job_id, "reason": type(error).__name__}
    logger.warning("the evaluation of a video can't be read", extra=extra)
