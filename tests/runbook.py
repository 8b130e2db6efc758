"""The pages of docs/runbook, and the commands in them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = sorted(page for page in (ROOT / "docs/runbook").glob("*.md") if page.stem != "README")
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(reelbus [^`]+)`")


def commands_to_look(page: Path) -> list[list[str]]:
    """The `reelbus` commands of the page's blocks: what it says to look at. Each begins with the command's name."""
    lines = [line for block in _BLOCK.findall(page.read_text()) for line in block.replace("\\\n", " ").splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("reelbus ")]


def commands_of(page: Path) -> Iterator[list[str]]:
    """All `reelbus` commands of a page, those within sentences too."""
    yield from commands_to_look(page)
    inline = (re.sub(r"\$\([^)]*\)", "VALUE", words) for words in _INLINE.findall(page.read_text()))
    yield from (shlex.split(words)[1:] for words in inline)
