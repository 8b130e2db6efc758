"""Turns JSON Schemas into the rows of tables, for the page `/docs`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]
_LIMITS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "maxProperties": "at most {} keys",
    "pattern": "pattern {}",
}
_LONGEST_PATTERN = 60
"""A longer pattern says less to a reader than the description does; the documents have it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Type:
    """What a value may be: a word, and the schema that it leads to."""

    words: str
    model: str = ""
    """The name of a schema of the document; empty for a plain type."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One row: a key of an object."""

    name: str
    types: Sequence[Type]
    is_required: bool
    words: str
    notes: Sequence[str]


def fields_of(schema: Schema) -> list[Field]:
    """Return the keys of an object, the required ones first."""
    required = schema.get("required", ())
    fields = [
        Field(
            name=name,
            types=types_of(described),
            is_required=name in required,
            words=described.get("description", ""),
            notes=notes_of(described),
        )
        for name, described in schema.get("properties", {}).items()
    ]
    return sorted(fields, key=lambda field: not field.is_required)


def types_of(schema: Schema) -> list[Type]:
    """Return what a value with this schema may be. A null is left out: it counts as an absent key everywhere."""
    if ref := schema.get("$ref"):
        name = model_of(ref)
        return [Type(words=name.rpartition(".")[2], model=name)]
    if "const" in schema:
        return [Type(words=f'"{schema["const"]}"')]
    if "enum" in schema:
        return [Type(words=" | ".join(f'"{word}"' for word in schema["enum"]))]
    if choices := schema.get("anyOf") or schema.get("allOf"):
        found = [kind for choice in choices if "required" not in choice for kind in types_of(choice)]
        return list(dict.fromkeys(kind for kind in found if kind.words != "null")) or [Type(words="object")]
    kind = str(schema.get("type", "any value"))
    if kind == "array":
        return [Type(words=f"list of {part.words}", model=part.model) for part in types_of(schema.get("items", {}))]
    return [Type(words=f"{kind}, {schema['format']}" if "format" in schema else kind)]


def notes_of(schema: Schema) -> list[str]:
    """Return the limits of a value and its default, in words."""
    choices = [schema, *(schema.get("anyOf") or ())]
    notes = [
        words.format(choice[name])
        for choice in choices
        for name, words in _LIMITS.items()
        if name in choice and (name, choice[name]) != ("minLength", 1) and len(str(choice[name])) <= _LONGEST_PATTERN
    ]
    default = schema.get("default")
    if default is not None and default not in ({}, []):
        notes.append(f"default {str(default).lower() if isinstance(default, bool) else default}")
    return list(dict.fromkeys(notes))


def model_of(ref: str) -> str:
    """Return the name of the schema that a reference leads to."""
    return ref.rpartition("/")[2]
