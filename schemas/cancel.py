"""The wish that a job ends. It travels on the request topic."""

from pydantic import ConfigDict, Field

from schemas.kinds import JobId
from schemas.stored import Asked


class CancelRequest(Asked):
    """Cancel one job (`reelbus.video.cancel.v1`). Free before a submit; later the clip is charged and discarded."""

    model_config = ConfigDict(title="CancelRequest")

    job_id: JobId
    reason: str | None = Field(default=None, max_length=500)
