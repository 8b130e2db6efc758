"""The text of a job's record, as every store keeps it: without defaults, and with the keys of later versions."""

from pydantic import ValidationError
from pydantic_core import to_json

from schemas.errors import NewerRecord
from schemas.job import Job


def record_of(job: Job) -> str:
    """Return the JSON text. A key that a later version adds is written only where it says something: the version before
    can read all other records. The state is always written, for people who look."""
    record = job.model_dump(mode="json", exclude_defaults=True)
    return to_json({**record, "state": job.state.value, "request": job.request.body()}).decode()


def job_of_record(job_id: str, record: str) -> Job:
    """Read the text. Raises `NewerRecord` for a state, a word or a shape that this program does not know."""
    try:
        return Job.model_validate_json(record)
    except ValidationError as error:
        raise NewerRecord(f"job {job_id} was stored by a newer version of reelbus; this one can't read it") from error
