"""Each alert has a page, each page says four things, and each command in it exists."""

import re
from pathlib import Path

import click
import pytest

from publisher.cli import reelbus
from subscriber.__main__ import main as worker
from tests.runbook import PAGES, ROOT, commands_of, commands_to_look

ALERTS = ROOT / "infra/deploy/alerts.yaml"
BY_LOGS = {"Broken"}
"""Alerts on log lines, which no Prometheus rule can be; infra/deploy has them beside the rules."""
PARTS = ["What it means", "What to look at", "What to do", "What it costs to wait"]
OTHERS = [ROOT / name for name in ("docs/google-cloud.md", "docs/runbook/README.md", "infra/deploy/README.md")]


def unknown_parts(words: list[str]) -> list[str]:
    """The names of commands and options in a command line that do not exist."""
    command: click.Command = reelbus
    context = click.Context(reelbus)
    rest = words[: words.index("--")] if "--" in words else words  # after it comes another program's
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        found = command.get_command(context, rest[0])
        if found is None:
            return [rest[0]]
        # What `reconcile` is given goes to the worker's own program.
        command, rest = worker.commands.get(rest[0], found), rest[1:]
    options = {name for parameter in command.params for name in parameter.opts} | {"--help", "--version"}
    arguments = [parameter for parameter in command.params if isinstance(parameter, click.Argument)]
    wrong = [word for word in rest if word.startswith("-") and word not in options]
    return wrong if arguments or len(rest) == 0 or rest[0].startswith("-") else [*wrong, rest[0]]


def test_each_alert_has_a_page_and_each_page_an_alert() -> None:
    alerts = set(re.findall(r"- alert: (\w+)", ALERTS.read_text())) | BY_LOGS
    assert {page.stem for page in PAGES} == alerts


def test_the_index_names_each_page() -> None:
    index = (ROOT / "docs/runbook/README.md").read_text()
    names = re.findall(r"^\| \[(\w+)\]\(\1\.md\)", index, re.MULTILINE)
    assert sorted(names) == [page.stem for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_says_four_things_and_is_short(page: Path) -> None:
    text = page.read_text()
    assert text.startswith(f"# {page.stem}\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == PARTS
    assert commands_to_look(page)
    assert text.count("\n") < 60


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=lambda page: f"{page.parent.name}-{page.stem}")
def test_each_command_of_a_page_exists(page: Path) -> None:
    assert [(words, wrong) for words in commands_of(page) if (wrong := unknown_parts(words))] == []


LOGGED = [*PAGES, ROOT / "infra/deploy/monitoring.tf"]


@pytest.mark.parametrize("page", LOGGED, ids=lambda page: page.stem)
def test_each_log_action_exists(page: Path) -> None:
    """test_references.py holds the list of docs/operations.md against the source."""
    listed = (ROOT / "docs/operations.md").read_text()
    asked = re.findall(r"jsonPayload\.action=(\([^)]*\)|\S+)", page.read_text())
    actions = {action for each in asked for action in re.findall(r"[a-z_]+", each)} - {"n"}
    assert {action for action in actions if f"`{action}`" not in listed} == set()
    assert actions or "jsonPayload.action" not in page.read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_word_that_stands_for_another_is_explained(page: Path) -> None:
    index = (ROOT / "docs/runbook/README.md").read_text()
    code = re.findall(r"`((?:reelbus|gcloud|curl) [^`]+)`", page.read_text())
    lines = [
        line.partition("#")[0] for line in page.read_text().splitlines() if re.match("(reelbus|gcloud|curl) ", line)
    ]
    outside = [re.sub(r"'[^']*'", "", line) for line in (*code, *lines)]
    words = {word for line in outside for word in re.findall(r"(?<![-\w])[A-Z]{2,}(?![-\w])", line)}
    assert {word for word in words if f"`{word}`" not in index} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_variable_of_terraform_exists(page: Path) -> None:
    variables = set(re.findall(r'^variable "(\w+)"', (ROOT / "infra/deploy/variables.tf").read_text(), re.MULTILINE))
    named = re.findall(r"variables? `([a-z_]+)`|`([a-z_]+)` of the Terraform variables", page.read_text())
    assert {name for pair in named for name in pair if name} <= variables


@pytest.mark.parametrize("words", ["paint", "status ID --colour", "dead bury ID", "reconcile now"])
def test_a_command_that_does_not_exist_is_found(words: str) -> None:
    assert unknown_parts(words.split())
