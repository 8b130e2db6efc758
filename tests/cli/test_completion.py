"""Completion in the shell, as docs/cli.md switches it on."""

import subprocess

import pytest

from tests.support.processes import ROOT

REELBUS = str(ROOT / ".venv/bin/reelbus")


def _complete(words: str) -> list[str]:
    environment = {
        "PATH": "/usr/bin:/bin",
        "_REELBUS_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - (not words.endswith(" "))),
    }
    done = subprocess.run([REELBUS], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_lines_of_the_documentation(shell: str) -> None:
    environment = {"PATH": "/usr/bin:/bin", "_REELBUS_COMPLETE": f"{shell}_source"}
    done = subprocess.run([REELBUS], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert "_REELBUS_COMPLETE" in done.stdout
    assert f"_REELBUS_COMPLETE={shell}_source" in (ROOT / "docs/cli.md").read_text()


def test_commands_and_options_are_completed() -> None:
    assert _complete("reelbus re") == ["replay", "resolve", "reconcile"]
    assert "--project" in _complete("reelbus list --p")
    assert _complete("reelbus dead sh") == ["show"]
