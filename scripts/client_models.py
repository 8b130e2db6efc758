#!/usr/bin/env python3
"""Write the models of the Python client from the JSON Schemas: `scripts/client_models.py`.

With `--check` it fails if a file differs. `request.py` is strict. `answers.py` (messages and jobs), `film_end.py` and
`api.py` (all other answers) accept keys and words of later versions. datamodel-code-generator makes them, and ruff
formats them.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from datamodel_code_generator import DataModelType, InputFileType, LiteralType, PythonVersion, generate
from datamodel_code_generator.format import DatetimeClassType

ROOT = Path(__file__).resolve().parent.parent
MESSAGES = ROOT / "schemas/json"
API = ROOT / "publisher/facade/api.schema.json"
MODELS = ROOT / "publisher/python/reelbus_client/models"
API_ANSWERS = (
    *("Listing", "VideoPlan", "SpendReport", "Quote", "BatchView", "BatchPlan"),
    *("FilmView", "FilmPlan", "FilmListing"),
)
HEADER = '"""{about} Generated from the JSON Schemas by scripts/client_models.py. Do not edit."""\n'
ABOUT = {
    "request": "What a caller sends.",
    "answers": "Messages and jobs.",
    "film_end": "The message of a film's end.",
    "api": "All other answers.",
}

ANSWER = "reelbus_client.models.base.Answer"
BASES = {"request": "pydantic.BaseModel", "answers": ANSWER, "film_end": ANSWER, "api": ANSWER}


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def definitions_of(name: str) -> dict[str, Any]:
    """Return the models of one message, by their titles."""
    schema = read(MESSAGES / f"{name}.schema.json")
    top = {key: part for key, part in schema.items() if not key.startswith("$")}
    return {**schema.get("$defs", {}), schema["title"]: top}


def names_in(part: Any) -> Iterable[str]:
    """Yield the models to which a part of a schema refers."""
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"].rpartition("/")[2]
        for each in part.values():
            yield from names_in(each)
    elif isinstance(part, list):
        for each in part:
            yield from names_in(each)


def answers() -> dict[str, Any]:
    """Return the models of messages and jobs."""
    found = {**definitions_of("completion"), **definitions_of("view")}
    return {name: to_plain(definition, is_open=True) for name, definition in found.items()}


def film_end() -> dict[str, Any]:
    """Return the models of a film's end. What is also in a job's is imported from `answers`."""
    known = dict.fromkeys(answers(), "answers")
    found = {name: each for name, each in definitions_of("film_completion").items() if name not in known}
    return {name: import_known(to_plain(each, is_open=True), known) for name, each in found.items()}


def api() -> dict[str, Any]:
    """Return the models of all other answers. What is also in a message is imported from there."""
    known = {**dict.fromkeys(film_end(), "film_end"), **dict.fromkeys(answers(), "answers")}
    definitions = read(API)["$defs"]
    found: dict[str, Any] = {}
    missing = list(API_ANSWERS)
    while missing:
        name = missing.pop()
        if name not in known and name not in found:
            found[name] = definitions[name]
            missing += names_in(definitions[name])
    return {name: import_known(to_plain(each, is_open=True), known) for name, each in sorted(found.items())}


def import_known(part: Any, known: Mapping[str, str]) -> Any:
    """Return the schema with the class of its module for each model that is known."""
    if isinstance(part, list):
        return [import_known(each, known) for each in part]
    if not isinstance(part, dict):
        return part
    name = str(part.get("$ref", "")).rpartition("/")[2]
    if name in known:
        return {"customTypePath": f"reelbus_client.models.{known[name]}.{name}"}
    return {key: import_known(each, known) for key, each in part.items()}


def requests() -> dict[str, Any]:
    """Return the models of what a caller sends. The client chooses `job_id` if the caller names none."""
    found = {**definitions_of("request"), **definitions_of("cancel"), **definitions_of("film")}
    found["VideoRequest"]["required"] = []
    return {name: to_plain(definition, is_open=False) for name, definition in found.items()}


def to_plain(schema: Any, *, is_open: bool) -> Any:
    """Return the schema without what would become a type of its own, or a rule that only the server can check."""
    if isinstance(schema, list):
        return [to_plain(each, is_open=is_open) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = to_plain_object(schema, is_open=is_open) if "properties" in schema else to_plain_value(schema)
    named, kept = ("properties", "$defs"), ("properties", "$defs", "required")
    for key in named:
        if key in plain:
            plain[key] = {name: to_plain(each, is_open=is_open) for name, each in plain[key].items()}
    return {key: part if key in kept else to_plain(part, is_open=is_open) for key, part in plain.items()}


def to_plain_object(schema: dict[str, Any], *, is_open: bool) -> dict[str, Any]:
    """Return the schema of a model. An older facade leaves out what has a default."""
    # "A prompt or a scene" is left out: the server says it better.
    plain = {key: part for key, part in schema.items() if key not in ("anyOf", "additionalProperties")}
    defaults = {name for name, field in plain["properties"].items() if "default" in field}
    plain["required"] = [name for name in plain.get("required", ()) if name not in defaults]
    return plain if is_open else {**plain, "additionalProperties": False}  # the base class of answers says it


def to_plain_value(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a single value: no title, which would become a class, and an open enumeration as a text."""
    plain = {key: part for key, part in schema.items() if key != "title" or not isinstance(part, str)}
    if isinstance(plain.get("default"), dict):
        del plain["default"]  # of a model: None says the same
    if "patternProperties" in plain:
        plain["additionalProperties"] = next(iter(plain.pop("patternProperties").values()))
    choices = plain.get("anyOf", ())
    if choices and "enum" in choices[0]:
        words = ", ".join(choices[0]["enum"])
        return {"type": "string", "description": f"{plain.get('description', '')} Known words: {words}.".strip()}
    if len(choices) == 2 and choices[1] == {"type": "null"} and "type" in choices[0]:
        del plain["anyOf"]
        return {**choices[0], **plain, "type": [choices[0]["type"], "null"]}
    return plain


def render(name: str, definitions: dict[str, Any]) -> str:
    """Return the text of one module."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": definitions}
    made = generate(
        json.dumps(schema),
        input_file_type=InputFileType.JsonSchema,
        output_model_type=DataModelType.PydanticV2BaseModel,
        target_python_version=PythonVersion.PY_311,
        output_datetime_class=DatetimeClassType.Awaredatetime,
        enum_field_as_literal=LiteralType.All if name == "request" else None,
        set_default_enum_member=True,
        use_single_line_docstring=True,
        strict_nullable=name != "request",
        base_class=BASES[name],
        capitalise_enum_members=True,
        collapse_root_models=True,
        custom_file_header=HEADER.format(about=ABOUT[name]),
        field_constraints=True,
        skip_root_model=True,
        use_annotated=True,
        use_double_quotes=True,
        use_field_description=True,
        use_schema_description=True,
        use_specialized_enum=True,
        use_standard_collections=True,
        use_union_operator=True,
        disable_timestamp=True,
        formatters=[],
    )
    return tidy(str(made))


def tidy(source: str) -> str:
    """Return the source as ruff would leave it, with the settings of the project."""
    ruff = [sys.executable, "-m", "ruff"]
    name = ["--stdin-filename", str(ROOT / "publisher/python/reelbus_client/models/generated.py"), "-"]
    for command in (["check", "--quiet", "--fix-only"], ["format", "--quiet"]):
        done = subprocess.run(
            [*ruff, *command, *name], cwd=ROOT, input=source, capture_output=True, text=True, check=True
        )
        source = done.stdout
    return source


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: scripts/client_models.py [--check]\n")
        return 2
    stale = 0
    modules = {"request": requests(), "answers": answers(), "film_end": film_end(), "api": api()}
    for name, definitions in modules.items():
        file, text = MODELS / f"{name}.py", render(name, definitions)
        if not arguments:
            file.write_text(text, encoding="utf-8", newline="\n")
        elif not file.exists() or file.read_text(encoding="utf-8") != text:
            sys.stderr.write(f"models/{file.name} differs from the schemas; run: scripts/client_models.py\n")
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
