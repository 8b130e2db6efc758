"""The schemas of the real providers, read from generated bindings: the wheels `cdktn-provider-google` and its beta.

Their generator reads `terraform providers schema` and writes one folder of JavaScript for each resource. The code says
of every argument its name, whether it is required, optional or computed, its type, and whether it is a block. It is
read as text; nothing of it is imported or run.
"""

import hashlib
import os
import re
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter

Type = Any
"""A type as Terraform writes it: "string", or ["list", "string"], or ["object", {…}]."""


class Attribute(BaseModel):
    """An argument with `=`."""

    type: Type
    required: bool
    optional: bool
    computed: bool
    choices: tuple[str, ...] = ()
    """The only values, if the documentation lists them."""


class Block(BaseModel):
    """The content of a resource, or of a block in it."""

    attributes: dict[str, Attribute] = {}
    blocks: dict[str, "NestedBlock"] = {}


class NestedBlock(BaseModel):
    """An argument with braces."""

    nesting: Literal["single", "list", "set"]
    least: int
    most: int
    """0: there is no limit."""
    block: Block


Schemas = dict[str, Block | None]
"""By kind: `google_pubsub_topic`, `data.google_project`, `provider`. None: the provider does not know it."""

_FILES = {"index.js": "script", "index.d.ts": "types"}
_CACHED = TypeAdapter(Schemas)


def load_schemas(wheel: Path, wanted: Iterable[str], cache: Path) -> Schemas:
    """Return the schemas of the kinds and of the provider. To search the wheel's archive takes seconds: see `cache`."""
    reader = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    file = cache / f"{wheel.stem}-{reader}.json"
    known = _CACHED.validate_json(file.read_bytes()) if file.exists() else {}
    missing = {*wanted, "provider"} - known.keys()
    if missing:
        known |= dict(_read(wheel, missing))
        cache.mkdir(parents=True, exist_ok=True)
        written = file.with_name(f"{file.name}.{os.getpid()}")
        written.write_bytes(_CACHED.dump_json(known))
        written.replace(file)
    return known


def _read(wheel: Path, kinds: set[str]) -> Iterator[tuple[str, Block | None]]:
    """Search the archive in the wheel for the folders of the kinds."""
    folders = {_folder_of(kind, wheel): kind for kind in kinds}
    texts: dict[str, dict[str, str]] = {folder: {} for folder in folders}
    with zipfile.ZipFile(wheel) as files:
        archive = next(name for name in files.namelist() if name.endswith(".tgz"))
        with files.open(archive) as packed, tarfile.open(fileobj=packed, mode="r|gz") as members:
            for member in members:
                _, _, path = member.name.partition("package/lib/")
                folder, _, name = path.partition("/")
                if folder in texts and name in _FILES and (content := members.extractfile(member)):
                    texts[folder][_FILES[name]] = content.read().decode()
    for folder, kind in folders.items():
        yield kind, Bindings(**texts[folder]).block() if texts[folder] else None


def _folder_of(kind: str, wheel: Path) -> str:
    """Return the folder of a kind: `pubsub-topic`, `data-google-project`; the beta's keep the provider's name."""
    if kind.startswith("data."):
        return kind.replace("data.", "data-", 1).replace("_", "-")
    provider, _, name = kind.partition("_")
    is_own = wheel.name.startswith(f"cdktn_provider_{provider}-")
    return (name if is_own else kind).replace("_", "-")


_FIELD = re.compile(
    r"^    // (\w+) - computed: (true|false), optional: (true|false), required: (true|false)$"
    r"(.*?)(?=^    // \w+ - computed|\Z)",
    re.MULTILINE | re.DOTALL,
)
_NESTED = re.compile(r"= new (\w+?)(OutputReference|List)\(this, \"\w+\"(?:, (true|false))?\)")
_HCL_BLOCK = re.compile(r"^ +(\w+): \{\n.*?\n +isBlock: (true|false),", re.MULTILINE)
_TYPE_OF_GETTER = {
    "String": "string",
    "Number": "number",
    "Boolean": "bool",
    "List": ["list", "string"],
    "NumberList": ["list", "number"],
    "StringMap": ["map", "string"],
    "NumberMap": ["map", "number"],
    "BooleanMap": ["map", "bool"],
    "AnyMap": ["map", "string"],
}
_TYPE_OF_STORAGE = {
    "string": "string",
    "number": "number",
    "boolean": "bool",
    "stringList": ["list", "string"],
    "stringMap": ["map", "string"],
}


class Bindings:
    """The generated code of one resource."""

    def __init__(self, script: str, types: str) -> None:
        self._script = script
        bodies = re.findall(r"^class (\w+) extends cdktn\.\w+ \{$(.*?)^\}$", script, re.MULTILINE | re.DOTALL)
        self._classes: dict[str, str] = dict(bodies)
        self._choices = dict(_documented_choices(types))

    def block(self) -> Block:
        """Return the schema of the resource."""
        root = next(name for name, body in self._classes.items() if "static tfResourceType" in body)
        return self._block(root, root)

    def _block(self, class_name: str, struct: str) -> Block:
        """Read the class, and the function that writes its struct as HCL."""
        body, found = self._classes[class_name], Block()
        hcl_blocks = self._hcl_blocks(struct, body)
        for field, computed, optional, required, code in _FIELD.findall(body):
            flags = {"computed": computed == "true", "optional": optional == "true", "required": required == "true"}
            nested = _NESTED.search(code)
            if nested is None:
                if kind := _type_of(code) or _stored_type(field, body):
                    choices = self._choices.get((struct, field), ())
                    found.attributes[field] = Attribute(type=kind, choices=choices, **flags)
                continue
            inner, shape, is_set = nested.groups()
            content = self._block(f"{inner}OutputReference", inner)
            nesting: Literal["set", "list"] = "set" if is_set == "true" else "list"
            if field in hcl_blocks and (flags["optional"] or flags["required"]):
                found.blocks[field] = NestedBlock(
                    nesting="single" if field == "timeouts" else nesting,
                    least=int(flags["required"]),
                    most=1 if shape == "OutputReference" else 0,
                    block=content,
                )
            else:  # a structure that only Google sets, or that is written with `=`
                found.attributes[field] = Attribute(type=[nesting, _object_type(content)], **flags)
        return found

    def _hcl_blocks(self, struct: str, body: str) -> set[str]:
        """Return which fields are written with braces."""
        start = self._script.find(f"function {struct[0].lower()}{struct[1:]}ToHclTerraform(")
        writer = self._script[start : self._script.find("\n}\n", start)] if start >= 0 else ""
        _, found, of_resource = body.partition("synthesizeHclAttributes()")
        return {name for name, is_block in _HCL_BLOCK.findall(of_resource if found else writer) if is_block == "true"}


def _type_of(code: str) -> Type:
    """Return the type by the getter of a field."""
    if "new cdktn.StringMapList(" in code:
        return ["list", ["map", "string"]]
    if mapped := re.search(r"new cdktn\.(String|Number|Boolean|\w+)Map\(", code):
        return ["map", _TYPE_OF_GETTER.get(mapped[1], "string")]
    getter = re.search(r"this\.get(\w+)Attribute\('\w+'\)", code)
    kind = _TYPE_OF_GETTER[getter[1]] if getter else None
    return ["set", kind[1]] if isinstance(kind, list) and "Fn.tolist(" in code else kind


def _stored_type(field: str, body: str) -> Type:
    """Return the type of an argument of the provider itself: those have no getter with a type."""
    pattern = rf'^ +{field}: \{{\n.*?\n.*?\n.*?\n +storageClassType: "(\w+)",'
    found = re.search(pattern, body, re.MULTILINE)
    return _TYPE_OF_STORAGE.get(found[1]) if found else None


def _object_type(block: Block) -> Type:
    fields = {name: attribute.type for name, attribute in block.attributes.items()}
    fields |= {name: [nested.nesting, _object_type(nested.block)] for name, nested in block.blocks.items()}
    return ["object", fields]


def _documented_choices(types: str) -> Iterator[tuple[tuple[str, str], tuple[str, ...]]]:
    """Yield what the documentation lists after "Possible values", by struct and argument."""
    interfaces = r"^export interface (\w+?)(?:Config)?(?: extends [\w.]+)? \{$(.*?)^\}$"
    for struct, body in re.findall(interfaces, types, re.MULTILINE | re.DOTALL):
        for comment, member in re.findall(r"/\*\*(.*?)\*/\s+readonly (\w+)\??:", body, re.DOTALL):
            if listed := re.search(r"Possible values: \[([^\]]*)\]", comment):
                argument = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", member).lower()
                yield (struct, argument), tuple(re.findall(r'"([^"]*)"', listed[1]))
