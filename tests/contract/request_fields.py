"""The guards of a request's fields: each returns the sentences that tell what a field still needs.

`model` is the request; the test also gives them a request with one more field, and sees each of them report it.
"""

import ast
import re
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from publisher.cli.generate import generate
from publisher.facade.openapi import document
from schemas.errors import Invalid
from schemas.export import FOLDER
from schemas.wire.request import BY_REELBUS, VideoRequest

ROOT = Path(__file__).parent.parent.parent
NODE = ROOT / "publisher" / "node"
IMAGE = f"reelbus:references/{'0' * 64}.png"
SCENE = {"title": "A boat", "description": "It leaves the harbour.", "script": "Ahoy!"}
Request = type[VideoRequest]
Send = Callable[[VideoRequest], Awaitable[str]]
"""Plans a request and sends its first clip; returns what the provider got. Raises `Invalid` for a refused request."""


def missing_in_cli(model: Request) -> list[str]:
    options = {option.name for option in generate.params}
    return [
        f"{name}: no option in _OPTIONS of publisher/cli/options.py" for name in sorted({*model.model_fields} - options)
    ]


def missing_in_node(model: Request) -> list[str]:
    source, types = (NODE / "src/request.js").read_text(), (NODE / "types/request.d.ts").read_text()
    keys = re.search(r"^const OPTIONAL = \{$(.*?)^\};$", source, re.MULTILINE | re.DOTALL)
    base = re.search(r"^export const REQUEST_KEYS = \[(.*?)\.\.\.", source, re.MULTILINE)
    if not (keys and base):
        return ["REQUEST_KEYS of request.js is written in another form: correct this guard"]
    known = {*re.findall(r"^  (\w+)[:,]", keys[1], re.MULTILINE), *re.findall(r'"(\w+)"', base[1])}
    typed = set(re.findall(r"^  (\w+)\??:", types, re.MULTILINE))
    return [
        *(
            f"{name}: not in OPTIONAL of publisher/node/src/request.js"
            for name in model.model_fields
            if name not in known
        ),
        *(
            f"{name}: not in the types of the Node package; run: make generated"
            for name in model.model_fields
            if name not in typed
        ),
    ]


def missing_in_openapi(model: Request) -> list[str]:
    described = document()["components"]["schemas"]["VideoRequest"]["properties"]
    schema = (FOLDER / "request.schema.json").read_text()
    return [
        *(f"{name}: not in the OpenAPI document" for name in model.model_fields if name not in described),
        *(
            f"{name}: not in schemas/json; run: make generated"
            for name in model.model_fields
            if f'"{name}": {{' not in schema
        ),
    ]


def missing_in_docs(model: Request) -> list[str]:
    section = (ROOT / "docs/http.md").read_text().partition("## The request\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    named = {name for cell in rows for name in re.findall(r"`(\w+)`", cell)}
    return [f"{name}: no row in docs/http.md, The request" for name in model.model_fields if name not in named]


@cache
def _attributes() -> frozenset[str]:
    """Return every attribute that production code reads."""
    return frozenset(
        node.attr
        for package in ("schemas", "publisher", "subscriber", "infra")
        for path in (ROOT / package).rglob("*.py")
        if "node_modules" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
    )


def missing_in_reelbus(model: Request, by_reelbus: frozenset[str] = BY_REELBUS) -> list[str]:
    return [
        *(f"{name}: in BY_REELBUS, but no code reads it" for name in sorted(by_reelbus - _attributes())),
        *(
            f"{name}: in BY_REELBUS, but the request has no such field"
            for name in sorted(by_reelbus - {*model.model_fields})
        ),
    ]


ENTRIES = (missing_in_cli, missing_in_node, missing_in_openapi, missing_in_docs, missing_in_reelbus)


def other_values(model: Request, name: str) -> Iterator[Any]:
    """Generate values of a field that are not its default."""
    if name in ("reference_image", "last_image"):
        yield IMAGE
        return
    if name == "reference_images":
        yield (IMAGE,)
        return
    described = model.model_json_schema()
    field = described["properties"][name]
    default = model.model_fields[name].default
    for choice in field.get("anyOf", [field]):
        known = described["$defs"][choice["$ref"].rpartition("/")[2]] if "$ref" in choice else choice
        if "enum" in known:
            yield from (value for value in known["enum"] if value != default)
        elif known["type"] == "boolean":
            yield not default
        elif known["type"] in ("integer", "number"):
            yield known.get("minimum", 0) + 7
        elif known["type"] == "string":
            assert "pattern" not in known, f"{name} has a form: give other_values one of its values"
            yield "Slowly, from the left to the right"


def _companions(name: str) -> dict[str, Any]:
    """Return what a field needs beside it: a last frame goes with a first one."""
    return {"reference_image": IMAGE} if name == "last_image" else {}


async def missing_in_family(model: Request, maker: str, send: Send, base: dict[str, Any]) -> list[str]:
    """Send a request, and others that differ in one field: the provider gets another call, or the field is refused.

    A request with a scene is sent too, since a field may only matter for one.
    """
    missing = []
    for name in model.fields_for_models():
        alone = base | _companions(name)
        bases = (alone, {**alone, "scene": SCENE})
        try:
            plain = [await send(model.model_validate(body)) for body in bases]
        except Invalid:  # of a model that has no use for the companion: the field is refused without it
            bases = (base, {**base, "scene": SCENE})
            plain = [await send(model.model_validate(body)) for body in bases]
        values = list(other_values(model, name))
        assert values, f"other_values knows no other value of {name}"
        for value in values:
            try:
                sent = [await send(model.model_validate({**body, name: value})) for body in bases]
            except Invalid as error:
                if error.field != name or maker not in str(error):
                    missing.append(f"{name}: {maker} refuses {value!r} without naming both: {error}")
            else:
                if sent == plain:
                    missing.append(f"{name}: {maker} neither uses nor refuses {value!r}")
    return missing


async def is_used(model: Request, name: str, send: Send, base: dict[str, Any]) -> bool:
    """Return True if the model takes at least one value of the field."""
    for value in other_values(model, name):
        try:
            await send(model.model_validate({**base, **_companions(name), name: value}))
        except Invalid:
            continue
        return True
    return False
