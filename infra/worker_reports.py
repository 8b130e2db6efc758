"""What workers say of themselves, as both stores keep it: a JSON object as text."""

import json
from collections.abc import Mapping
from typing import Any


def parse_report(text: str | None) -> Mapping[str, Any]:
    """Return the object; an empty one for a text that is none."""
    try:
        report = json.loads(text or "{}")
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}
