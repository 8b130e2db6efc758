"""Reads as a release did that refuses every key it does not know."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]


class StrictReader:
    """The JSON Schemas of a release."""

    def __init__(self, folder: Path) -> None:
        self._judges = {
            path.name.partition(".")[0]: Draft202012Validator(json.loads(path.read_text("utf-8")))
            for path in folder.glob("*.schema.json")
        }

    def read(self, name: str, text: bytes | str) -> Any:
        """The JSON in `text`. Fails with the place of what the release would have refused."""
        body = json.loads(text)
        errors = [f"{error.json_path}: {error.message[:200]}" for error in self._judges[name].iter_errors(body)]
        assert not errors, f"the release before refuses this {name}: {errors}"
        return body
