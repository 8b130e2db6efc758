"""The setting REELBUS_BUDGETS: a JSON list of limits."""

import json
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

from schemas.limit import Limit

_EXAMPLE = '[{"scope": "all", "period": "month", "limit_usd": "500"}]'


def _decoded(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        limits = json.loads(value or "[]", parse_float=str)
    except (ValueError, RecursionError):
        limits = None
    if not isinstance(limits, list):
        raise ValueError(f"must be a JSON list of limits, for example {_EXAMPLE}")
    return limits


def _one_each(limits: tuple[Limit, ...]) -> tuple[Limit, ...]:
    """Two limits on the same money would share their slices."""
    known = set()
    for limit in limits:
        if (limit.scope, limit.period) in known:
            raise ValueError(f"must have one limit a {limit.period} for {limit.scope}, not two")
        known.add((limit.scope, limit.period))
    return limits


Limits = Annotated[tuple[Limit, ...], NoDecode, BeforeValidator(_decoded), AfterValidator(_one_each)]
"""Raises a sentence that names what is wrong."""
