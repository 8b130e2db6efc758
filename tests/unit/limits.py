"""Every limit that a model's JSON Schema has, and a value that breaks it: what the caller gave beside the limit."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from schemas.wire.validation import _FORMS

Path = tuple[str | int, ...]
TEXT_AT_MOST = 1_000_000
"""Longer texts, which are images and music, take too long to be tried in each model."""
_SAMPLES: dict[str, Any] = {
    "prompt": "A harbour at dawn",
    "before": "scene-0",
    "url": "https://example.com/hook",
    "uri": "gs://bucket/music.mp3",
    "image": "gs://bucket/image.png",
    "sha256": "a" * 64,
    "scopes": ["read"],
    "name": "scene-0",
    "scope": "all",
    "film_id": "film-0",
}
_NUMBERS = {
    "minimum": ("must be at least", -1),
    "maximum": ("must be at most", 1),
    "exclusiveMinimum": ("must be more than", 0),
    "exclusiveMaximum": ("must be less than", 0),
}


@dataclass(frozen=True)
class Case:
    """A value that is a little too short, too long, too small or too large."""

    path: Path
    value: Any
    words: str
    """The limit, and what was given."""

    @property
    def field(self) -> str:
        return ".".join(map(str, self.path))


def limits_of(model: type[BaseModel]) -> list[tuple[Case, dict[str, Any]]]:
    """Return a case for each limit, and the body that is valid but for it."""
    walk = _Walk(model.model_json_schema(mode="validation"))
    cases = list(walk.cases(walk.root, ()))
    return [(case, _put(walk.sample(walk.root, ""), case, walk)) for case in cases]


class _Walk:
    def __init__(self, schema: dict[str, Any]) -> None:
        self._defs = schema.get("$defs", {})
        self.root = schema
        if "requests" in schema["properties"]:  # a job of a batch gets its id from the batch
            item = self.resolve(schema["properties"]["requests"]["items"])
            del item["properties"]["job_id"]
            item["required"] = [name for name in item.get("required", ()) if name != "job_id"]

    def resolve(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Follow references, and leave out null."""
        while True:
            if "$ref" in schema:
                schema = self._defs[schema["$ref"].rpartition("/")[2]]
            elif "type" not in schema and "anyOf" in schema:
                schema = next(each for each in schema["anyOf"] if each.get("type") != "null")
            else:
                return schema

    def cases(self, schema: dict[str, Any], path: Path) -> Iterator[Case]:
        schema = self.resolve(schema)
        yield from self._own_cases(schema, path)
        for name, each in schema.get("properties", {}).items():
            yield from self.cases(each, (*path, name))
        if schema.get("type") == "array" and isinstance(schema.get("items"), dict):
            yield from self.cases(schema["items"], (*path, 0))

    def _own_cases(self, schema: dict[str, Any], path: Path) -> Iterator[Case]:
        for key, (words, step) in _NUMBERS.items():
            if key in schema:
                limit = schema[key]
                yield Case(path, limit + step, f"{words} {limit:.12g}, not {limit + step:.12g}")
        if least := schema.get("minLength"):
            yield Case(path, "x" * (least - 1), f"must have at least {least} characters, not {least - 1}")
        if (most := schema.get("maxLength", TEXT_AT_MOST)) < TEXT_AT_MOST:
            yield Case(path, "x" * (most + 1), f"must have at most {most} characters, not {most + 1}")
        words = _FORMS.get(schema.get("pattern", ""), "")
        yield from (Case(path, "a" * size, f"{words}; its length is {size}") for size in _lengths_outside(words))
        yield from self._size_cases(schema, path)

    def _size_cases(self, schema: dict[str, Any], path: Path) -> Iterator[Case]:
        if least := schema.get("minItems"):
            items = self._items(schema["items"], least - 1)
            noun = "entry" if least == 1 else "entries"
            yield Case(path, items, f"must have at least {least} {noun}, not {least - 1}")
        if most := schema.get("maxItems"):
            items = self._items(schema["items"], most + 1)
            yield Case(path, items, f"must have at most {most} entries, not {most + 1}")
        if most := schema.get("maxProperties"):
            entries = {f"k{number}": "v" for number in range(most + 1)}
            yield Case(path, entries, f"must have at most {most} entries, not {most + 1}")

    def _items(self, schema: Any, count: int) -> list[Any]:
        items = [self.sample(schema, "") for _ in range(count)]
        for number, item in enumerate(items):
            if isinstance(item, dict) and "name" in item:
                item["name"] = f"scene-{number}"
        return items

    def sample(self, schema: dict[str, Any], name: str) -> Any:
        """Return a value that is valid."""
        schema = self.resolve(schema)
        known = _SAMPLES.get(name, schema.get("const", schema.get("enum", [None])[0]))
        if known is not None:
            return known
        if schema["type"] == "object":
            needed = {*schema.get("required", ()), *({"prompt"} & set(schema.get("properties", ())))}
            return {each: self.sample(schema["properties"][each], each) for each in sorted(needed)}
        if schema["type"] == "array":
            return self._items(schema["items"], max(1, schema.get("minItems", 0)))
        if schema["type"] == "string":
            is_image = "data:" in schema.get("pattern", "")
            return _SAMPLES["image"] if is_image else "a" * max(1, schema.get("minLength", 1))
        return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)


def _lengths_outside(words: str) -> Iterator[int]:
    """Yield a length below and one above those that the words of a form allow."""
    found = re.search(r"(?:([0-9]+) to |at most )?([0-9]+) ", words)
    if found is None:
        return
    least = int(found[1]) if found[1] else 0 if "at most" in words else int(found[2])
    yield from (length for length in (least - 1, int(found[2]) + 1) if length >= 0)


def _put(body: dict[str, Any], case: Case, walk: _Walk) -> dict[str, Any]:
    """Return the body with the value of the case at its path. Objects on the way to it are made."""
    node: Any = body
    schema = walk.root
    for at, part in enumerate(case.path):
        schema = walk.resolve(schema)
        schema = schema["items"] if isinstance(part, int) else schema["properties"][part]
        if at == len(case.path) - 1:
            node[part] = case.value
        elif isinstance(part, str) and (part not in node or node[part] in (None, [], {})):
            node[part] = walk.sample(schema, "")
        node = node[part]
    return body
