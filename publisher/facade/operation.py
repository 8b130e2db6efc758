"""What one call of the facade takes and answers, as its OpenAPI document tells it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """One status that an operation answers."""

    words: str
    model: str = ""
    media: tuple[str, ...] = ("application/json",)
    headers: tuple[str, ...] = ()
    links: tuple[tuple[str, str, str], ...] = ()
    """Where to go on: operation, its path's parameter, and the key of this answer that fills it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    name: str
    summary: str
    answers: Mapping[int, Answer]
    guarded: bool = False
    """Where the facade asks who calls, it asks here."""
    parameters: tuple[dict[str, Any], ...] = ()
    takes: str = ""


def parameter(name: str, place: str, words: str, **schema: Any) -> dict[str, Any]:
    """One that a caller may send; in a path it must."""
    described = {"name": name, "in": place, "description": words, "schema": {"type": "string", **schema}}
    return {**described, "required": True} if place == "path" else described


def no(words: str, *headers: str) -> Answer:
    """A refusal."""
    return Answer(words=words, model="Refusal", headers=headers)
