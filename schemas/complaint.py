"""Turns a validation error into one sentence that names the field and the limit, in the same words at every door."""

from typing import Any

from pydantic import ValidationError

from schemas.errors import Invalid

_TEMPLATES = {
    "missing": "is required",
    "extra_forbidden": "is not a known key",
    "string_type": "must be a text",
    "string_unicode": "must be valid Unicode",
    "string_too_short": "must have at least {min_length} characters, not {length}",
    "string_too_long": "must have at most {max_length} characters, not {length}",
    "string_pattern_mismatch": "must match {pattern}",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "too_long": "must have at most {max_length} entries",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "decimal_type": "must be an amount in US dollars",
    "decimal_parsing": "must be an amount in US dollars",
    "datetime_type": "must be a moment, for example 2026-01-31T12:00:00Z",
    "datetime_parsing": "must be a moment, for example 2026-01-31T12:00:00Z",
    "datetime_from_date_parsing": "must be a moment, for example 2026-01-31T12:00:00Z",
    "timezone_aware": "must name a time zone, for example 2026-01-31T12:00:00Z",
    "finite_number": "must be a finite number",
}


def invalid(error: ValidationError) -> Invalid:
    """The first thing that is wrong, as our own error."""
    first = error.errors(include_url=False)[0]
    location = (*first["loc"], *_unknown_key(first.get("ctx")))
    field = ".".join(str(part) for part in location if part != "[key]") or None
    return Invalid(f"{field} {_sentence(dict(first))}" if field else _sentence(dict(first)), field=field)


def _unknown_key(context: dict[str, Any] | None) -> tuple[str, ...]:
    """The key that `schemas.stored.Asked` refused: its error stands at the object that holds the key."""
    return (context["key"],) if context and "key" in context else ()


def _sentence(detail: dict[str, Any]) -> str:
    context = dict(detail.get("ctx") or {})
    given = detail.get("input")
    if detail["type"] == "value_error":
        return str(context.get("error") or detail["msg"])
    if isinstance(given, str):
        context["length"] = len(given)
    template = _TEMPLATES.get(detail["type"])
    return template.format(**context) if template else str(detail["msg"])[:1].lower() + str(detail["msg"])[1:]
