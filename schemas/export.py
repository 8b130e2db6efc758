"""Write the JSON Schemas of all messages and records, for programs in other languages.

    python -m schemas.export            writes schemas/json/
    python -m schemas.export --check    fails if a file there differs from the models

The schema of a message to reelbus is strict. Reelbus accepts a little more: "5" for 5, and null for an absent key.
The schema of what reelbus writes is open, since a later version may write more. It allows other keys and other words,
and has no limits. Only the words for states and charges stay the same within `v1`.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from schemas import SCHEMA_VERSION
from schemas.domain.job import Job
from schemas.domain.projections import JobView
from schemas.wire.completion import Completion
from schemas.wire.evaluation import Evaluated
from schemas.wire.film import FilmCompletion, FilmRequest
from schemas.wire.request import CancelRequest, VideoRequest

FOLDER = Path(__file__).parent / "json"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class _Export:
    model: type[BaseModel]
    mode: Literal["validation", "serialization"]
    """`validation` if other programs write it; `serialization` if they read it: then the schema is open."""


_LIMITS = {"maximum", "minimum", "exclusiveMinimum", "maxLength", "minLength", "maxProperties", "pattern"}
_CLOSED = {"Outcome", "JobState", "ClipState", "Charged"}
_EXPORTS = {
    "request": _Export(VideoRequest, "validation"),
    "cancel": _Export(CancelRequest, "validation"),
    "film": _Export(FilmRequest, "validation"),
    "completion": _Export(Completion, "serialization"),
    "film_completion": _Export(FilmCompletion, "serialization"),
    "evaluated": _Export(Evaluated, "serialization"),
    "job": _Export(Job, "serialization"),
    "view": _Export(JobView, "serialization"),
}


def schema_of(name: str) -> dict[str, Any]:
    """Return one JSON Schema, by the name of its file without the endings."""
    export = _EXPORTS[name]
    head = {"$schema": _DIALECT, "$id": f"urn:reelbus:{name}:v{SCHEMA_VERSION}"}
    schema = export.model.model_json_schema(mode=export.mode)
    return head | (schema if export.mode == "validation" else open_schema(schema))


def open_schema(schema: Any) -> Any:
    """Return the schema without limits, and with other keys and words allowed."""
    if not isinstance(schema, dict):
        return [open_schema(part) for part in schema] if isinstance(schema, list) else schema
    opened: dict[str, Any] = {}
    for key, part in schema.items():
        if key == "patternProperties":
            opened["additionalProperties"] = open_schema(next(iter(part.values())))
        elif key == "enum" and schema.get("title") not in _CLOSED:
            opened["anyOf"] = [{"enum": part}, {"type": "string"}]
        elif key in ("properties", "$defs"):
            opened[key] = {name: open_schema(each) for name, each in part.items()}
        elif key == "additionalProperties":
            opened.setdefault(key, open_schema(part) or True)
        elif key not in _LIMITS:
            opened[key] = open_schema(part)
    return opened


def render() -> dict[str, str]:
    """Return the text of each file of `schemas/json/`, by its name."""
    return {
        f"{name}.schema.json": json.dumps(schema_of(name), indent=2, ensure_ascii=False) + "\n" for name in _EXPORTS
    }


def find_drift(folder: Path = FOLDER) -> list[str]:
    """Return the names of the files that are missing, differ, or belong to no model."""
    expected = render()
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    return sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))


def write(folder: Path = FOLDER) -> None:
    """Write all files of the folder, and delete those that belong to no model."""
    folder.mkdir(parents=True, exist_ok=True)
    expected = render()
    for stray in (path for path in folder.glob("*.json") if path.name not in expected):
        stray.unlink()
    for name, text in expected.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def main(arguments: Sequence[str], folder: Path = FOLDER) -> int:
    """Run the command. Returns 0 for success, 1 if `--check` found a difference, 2 for wrong usage."""
    if list(arguments) == ["--check"]:
        for name in (names := find_drift(folder)):
            sys.stderr.write(f"schemas/json/{name} differs from the models; run: python -m schemas.export\n")
        return 1 if names else 0
    if arguments:
        sys.stderr.write("usage: python -m schemas.export [--check]\n")
        return 2
    write(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
