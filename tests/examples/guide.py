"""docs/guide.md as what it tells its readers to type."""

import re
from functools import cache
from pathlib import Path

_GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide.md"


@cache
def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", _GUIDE.read_text(), re.DOTALL)


def command(named: str) -> str:
    """The one line of the guide that names this file, or begins with this word."""
    lines = [line.partition("  #")[0].strip() for block in _blocks("sh") for line in block.splitlines()]
    (found,) = [line for line in lines if named in line]
    return found


def program() -> str:
    """The one JavaScript program of the guide."""
    (found,) = _blocks("js")
    return found
