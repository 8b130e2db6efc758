"""The setting REELBUS_BUDGETS: the limits of spending. Workers keep them; the publisher shows what is left of them."""

import json
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

from schemas.domain.budget import Limit

_EXAMPLE = '[{"scope": "all", "period": "month", "limit_usd": "500"}]'


def _decode(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        limits = json.loads(value or "[]", parse_float=str)
    except (ValueError, RecursionError):
        limits = None
    if not isinstance(limits, list):
        raise ValueError(f"must be a JSON list of limits, for example {_EXAMPLE}")
    return limits


def _check_distinct(limits: tuple[Limit, ...]) -> tuple[Limit, ...]:
    """Raise `ValueError` for two limits of the same scope and period: they would share their shards."""
    known = set()
    for limit in limits:
        if (limit.scope, limit.period) in known:
            raise ValueError(f"must have one limit a {limit.period} for {limit.scope}, not two")
        known.add((limit.scope, limit.period))
    return limits


Limits = Annotated[tuple[Limit, ...], NoDecode, BeforeValidator(_decode), AfterValidator(_check_distinct)]
"""A JSON list. An invalid one raises a sentence that names what is wrong."""
