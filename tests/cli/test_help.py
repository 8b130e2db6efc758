"""The help is quick, true and complete."""

import subprocess
import sys

import click
import pytest

from publisher.cli import COMMANDS, reelbus
from tests.cli.commands import Shell

HEAVY = ("pydantic", "httpx", "rich", "starlette", "asyncio", "sqlite3", "av", "PIL", "numpy")


def test_help_lists_every_command_and_exit_code(shell: Shell) -> None:
    result = shell("--help")
    assert result.exit_code == 0
    for word in (*COMMANDS, "Exit codes", "130", "REELBUS_"):
        assert word in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_in_the_list_is_the_command_s_own(name: str) -> None:
    context = click.Context(reelbus)
    command = reelbus.get_command(context, name)
    assert command
    assert (command.help or "").partition("\n")[0] == COMMANDS[name][1]


@pytest.mark.parametrize("name", ["up", "serve", "generate", "status", "list", "cancel", "replay", "dead"])
def test_every_command_explains_itself(shell: Shell, name: str) -> None:
    result = shell(name, "--help")
    assert result.exit_code == 0
    assert "-fd" not in result.stdout


@pytest.mark.parametrize(("name", "meant"), [("jobs", "list"), ("lst", "list"), ("generat", "generate")])
def test_a_wrong_name_says_which_command_was_meant(shell: Shell, name: str, meant: str) -> None:
    result = shell(name)
    assert result.exit_code == 2
    assert f"No such command '{name}'. Did you mean '{meant}'?" in result.stderr
    assert "Did you mean" not in shell("xyzzy").stderr


def test_help_loads_nothing_heavy() -> None:
    program = "import sys, publisher.cli; print(*[name for name in sys.argv[1:] if name in sys.modules])"
    loaded = subprocess.check_output([sys.executable, "-c", program, *HEAVY], text=True)
    assert loaded.split() == []


def test_version(shell: Shell) -> None:
    assert shell("--version").stdout.startswith("reelbus ")


@pytest.mark.parametrize("arguments", [("paint",), ("list", "--colour"), ("status",), ("dead", "show"), ("up", "now")])
def test_usage_errors(shell: Shell, arguments: tuple[str, ...]) -> None:
    result = shell(*arguments)
    assert result.exit_code == 2
    assert "Error: " in result.stderr
