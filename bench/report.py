"""Where the results go: `bench/results.json`, a table in `docs/performance.md`, and the terminal."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.figure import Figure, Side
from bench.process import ROOT

RESULTS = ROOT / "bench" / "results.json"
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- table: made by `make bench` -->\n", "<!-- end of table -->"
_HEAD = ["| what | ours | against | ratio (spread) | goal | |", "|---|---|---|---|---|---|"]


def keep(figures: Sequence[Figure], *, results: Path = RESULTS, page: Path = PAGE) -> list[Figure]:
    """Writes them down beside what was measured before under other names; returns all."""
    merged = {figure.name: figure for figure in (*before(results), *figures)}
    found = [merged[name] for name in sorted(merged)]
    results.write_text(json.dumps([figure.model_dump(mode="json") for figure in found], indent=1) + "\n")
    text = page.read_text()
    head, _, rest = text.partition(BEGIN)
    _, mark, tail = rest.partition(END)
    if not mark:
        raise ValueError(f"{page.name} has lost the marks around its table")
    page.write_text(head + BEGIN + table(found) + END + tail)
    return found


def table(figures: Iterable[Figure]) -> str:
    """In Markdown."""
    return "\n".join([*_HEAD, *map(_row, figures)]) + "\n"


def before(results: Path) -> list[Figure]:
    """What was kept of earlier runs."""
    if not results.exists():
        return []
    computed = ("figure", "spread", "verdict")
    found = json.loads(results.read_text())
    return [Figure.model_validate({key: it[key] for key in it if key not in computed}) for it in found]


def _row(it: Figure) -> str:
    low, high = it.spread
    sign = "≥" if it.more_is_better else "≤"
    ratio = f"{it.figure:.2f} ({low:.2f} to {high:.2f})"
    note = f"; {it.note}" if it.note else ""
    return f"| {it.name} | {_side(it.ours)} | {_side(it.theirs)}{note} | {ratio} | {sign} {it.goal:g} | {it.verdict} |"


def _side(side: Side) -> str:
    return f"{side.median:.3g} {side.unit}, {side.what}"
