"""A group that imports a command only when it is run, so that `reelbus --help` answers at once."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

Entries = Mapping[str, tuple[str, str]]
"""Name of the command: where it is (`module:attribute`), and its line in the help."""


class LazyGroup(click.Group):
    """Commands by name, in the order in which they are listed."""

    def __init__(self, *args: Any, entries: Entries, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._entries = entries

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names."""
        return list(self._entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself, imported now."""
        if cmd_name not in self._entries:
            return None
        module, _, attribute = self._entries[cmd_name][0].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in the help, without a look at the commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self._entries.items()])
