"""What the stores of films share in their listings."""

import logging

from schemas.domain.film import Film, film_of_record
from schemas.errors import Invalid, NewerRecord

logger = logging.getLogger(__name__)

CURSOR_ORDER = "f"
"""The order in the cursors of films: by creation, the newest first."""


def check_limit(limit: int) -> None:
    """Raise `Invalid` for a page of no films."""
    if limit < 1:
        raise Invalid(f"limit must be at least 1, not {limit}", field="limit")


def film_or_warning(film_id: str, record: str, stored_revision: str) -> Film | None:
    """Return the film. A record of a newer version is logged and left out, so that the page can be read."""
    try:
        return film_of_record(record, stored_revision)
    except NewerRecord as error:
        logger.warning(str(error), extra={"action": "record_unreadable", "film_id": film_id})
        return None
