"""The size of a page: the same limit, and the same words about it, for every listing."""

from schemas.errors import Invalid

LIMIT_MAX = 200


def check_limit(limit: int) -> None:
    """Raise `Invalid` if no page can have so many entries."""
    if not 1 <= limit <= LIMIT_MAX:
        raise Invalid(f"limit must be a whole number from 1 to {LIMIT_MAX}, not {limit}", field="limit")
