"""The facade, and one log line more for each completion that it decodes."""

import logging

from publisher import waiting
from publisher.cli import main
from schemas.wire.message import Message, job_id_of

log = logging.getLogger(__name__)


def _noted(message: Message) -> str | None:
    job_id = job_id_of(message)
    log.info("completion decoded", extra={"action": "completion_decoded", "job_id": job_id})
    return job_id


if __name__ == "__main__":
    vars(waiting)["job_id_of"] = _noted
    main()
