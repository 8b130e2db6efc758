"""docs/telemetry.md says what the code says."""

import re
from pathlib import Path

from infra.telemetry.catalogue import METRICS, SPANS

DOCS = Path(__file__).parents[2] / "docs" / "telemetry.md"


def _rows(heading: str) -> dict[str, list[str]]:
    """The cells of the table under a heading, by the first one."""
    text = DOCS.read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return {row[0].strip("`"): row[1:] for row in cells}


def _names(cell: str) -> tuple[str, ...]:
    return tuple(re.findall(r"`([^`]+)`", cell))


def test_the_table_of_metrics() -> None:
    told = {
        name: (kind, unit.strip("`"), _names(attributes))
        for name, (kind, unit, attributes, _) in _rows("Metrics").items()
    }
    assert told == {name: (row.kind, row.unit, row.attributes) for name, row in METRICS.items()}


def test_the_table_of_spans() -> None:
    told = {name: (kind, _names(attributes)) for name, (kind, attributes, _) in _rows("Spans").items()}
    assert told == {name: (row.kind, row.attributes) for name, row in SPANS.items()}


def test_no_metric_has_an_attribute_of_one_job() -> None:
    attributes = {attribute for row in METRICS.values() for attribute in row.attributes}
    assert not [name for name in attributes if re.search(r"job\.(id|life)|clip\.(index|attempt)|operation\.id", name)]
