"""Write the JSON Schema of the answers of the HTTP API, from which the types of the Node package are made.

python -m publisher.facade.export            writes publisher/facade/api.schema.json
python -m publisher.facade.export --check    fails if the file differs from the models
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from publisher.facade.batch import BATCH_ANSWERS
from publisher.facade.films import FILM_ANSWERS
from publisher.facade.operator import ANSWERS
from publisher.facade.webhooks import WEBHOOK_ANSWERS
from publisher.jobs import Listing
from schemas.export import open_schema

FILE = Path(__file__).parent / "api.schema.json"


def render() -> str:
    """Return the text of the file: an object with one property for each answer."""
    models: tuple[type[BaseModel], ...] = (Listing, *BATCH_ANSWERS, *ANSWERS, *WEBHOOK_ANSWERS, *FILM_ANSWERS)
    _, top = models_json_schema([(model, "serialization") for model in models])
    definitions: dict[str, Any] = top["$defs"]
    for definition in definitions.values():  # an answer has all keys, also those with a default
        if "properties" in definition:
            definition["required"] = list(definition["properties"])
    properties = {model.__name__: {"$ref": f"#/$defs/{model.__name__}"} for model in models}
    schema = {"title": "Answers", "type": "object", "properties": properties, "required": list(properties)}
    return json.dumps(open_schema({**schema, "$defs": definitions}), indent=2, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str], file: Path = FILE) -> int:
    """Run the command. Returns 0 for success, 1 if `--check` found a difference, 2 for wrong usage."""
    if list(arguments) == ["--check"]:
        is_same = file.exists() and file.read_text(encoding="utf-8") == render()
        if not is_same:
            sys.stderr.write(f"{file.name} differs from the models; run: python -m publisher.facade.export\n")
        return 0 if is_same else 1
    if arguments:
        sys.stderr.write("usage: python -m publisher.facade.export [--check]\n")
        return 2
    file.write_text(render(), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
