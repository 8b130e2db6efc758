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
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "greater_than": "must be more than {gt}",
    "less_than": "must be less than {lt}",
    "bool_parsing": "must be true or false",
}


_FORMS = {
    r"^[A-Za-z0-9_-]{1,64}$": "must have 1 to 64 letters, digits, hyphens and underscores",
    r"^[a-z][a-z0-9_-]{0,62}$": (
        "must have a key of 1 to 63 small letters, digits, hyphens and underscores that begins with a letter"
    ),
    r"^[a-z0-9_-]{0,63}$": "must have at most 63 small letters, digits, hyphens and underscores",
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$": (
        "must have 1 to 100 letters, digits, dots, hyphens and underscores, and begin with a letter or digit"
    ),
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$": (
        "must have 1 to 64 letters, digits, dots, hyphens and underscores, and begin with a letter or digit"
    ),
    r"^[^\s\x00-\x1f/]{1,128}$": "must have 1 to 128 characters without blanks, slashes and control characters",
    r"^[0-9a-f]{64}$": "must have 64 digits of a SHA-256 in hexadecimal (0-9, a-f)",
    r"(?i)^(debug|info|warning|error)$": "must be debug, info, warning or error",
    r"^(?:all|project:[^\s\x00-\x1f/]{1,128}|label:[a-z][a-z0-9_-]{0,62}=[a-z0-9_-]{0,63})$": (
        "must be all, project:ID or label:KEY=VALUE"
    ),
    r"^([A-Za-z0-9._-]{1,128}@[A-Za-z0-9.-]{1,128})?$": "must be the e-mail address of a service account",
    r"^(https?://[^?#\s]+)?$": "must be an http:// or https:// address",
}
"""What a pattern of the models asks for, in words. A test finds each pattern here."""


def invalid(error: ValidationError) -> Invalid:
    """The first thing that is wrong, as our own error."""
    first = error.errors(include_url=False)[0]
    location = (*first["loc"], *_unknown_key(first.get("ctx")))
    field = ".".join(str(part) for part in location if part != "[key]") or None
    return Invalid(f"{field} {_sentence(dict(first))}" if field else _sentence(dict(first)), field=field)


def invalid_setting(error: ValidationError) -> Invalid:
    """The first setting that can't be used, by the name of its environment variable."""
    found = invalid(error)
    if not found.field:
        return found
    words = str(found).removeprefix(f"{found.field} ")
    if words.startswith("REELBUS_"):
        return Invalid(words, field=words.partition(" ")[0])
    name, _, part = found.field.partition(".")
    variable = "PORT" if name.upper() == "PORT" else f"REELBUS_{name.upper()}"
    return Invalid(f"{variable}{f' ({part})' if part else ''} {words}", field=variable)


def _unknown_key(context: dict[str, Any] | None) -> tuple[str, ...]:
    """The key that `schemas.stored.Asked` refused: its error stands at the object that holds the key."""
    return (context["key"],) if context and "key" in context else ()


def _sentence(detail: dict[str, Any]) -> str:
    context = dict(detail.get("ctx") or {})
    given = detail.get("input")
    if detail["type"] == "value_error":
        return str(context.get("error") or detail["msg"])
    if detail["type"] == "string_pattern_mismatch":
        return _FORMS.get(context["pattern"], "is not of the form that is asked for")
    if isinstance(given, str):
        context["length"] = len(given)
    template = _TEMPLATES.get(detail["type"])
    return template.format(**context) if template else str(detail["msg"])[:1].lower() + str(detail["msg"])[1:]
