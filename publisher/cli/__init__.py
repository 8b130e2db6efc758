"""The command line: `reelbus`. What each command answers, and with which exit code: docs/cli.md.

A group that imports a command only when it is run, so that `reelbus --help` answers at once.
"""

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
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


__all__ = ["main", "reelbus"]

COMMANDS = {
    "up": ("publisher.cli.serve:up", "Run facade and worker together until Ctrl-C or SIGTERM."),
    "serve": ("publisher.cli.serve:serve", "Run the HTTP facade until Ctrl-C or SIGTERM."),
    "worker": ("publisher.cli.serve:worker", "Run a worker until Ctrl-C or SIGTERM."),
    "generate": ("publisher.cli.generate:generate", "Make a video from a prompt or a scene, and wait for it."),
    "status": ("publisher.cli.jobs:status", "Show how a video stands."),
    "list": ("publisher.cli.jobs:list_videos", "List videos, the newest first."),
    "cancel": ("publisher.cli.jobs:cancel", "End a job that nobody wants any more."),
    "spend": ("publisher.cli.money:spend", "Show what was spent, from the ledgers."),
    "plan": ("publisher.cli.money:plan", "Show clips, billed seconds and price before a cent is spent."),
    "replay": ("publisher.cli.jobs:replay", "Let a job that ended without a video live again."),
    "resolve": (
        "publisher.cli.resolve:resolve",
        "Say what became of a clip that nobody knows about.",
    ),
    "purge": ("publisher.cli.operator:purge", "Erase prompts, images and videos of ended jobs."),
    "backup": (
        "publisher.cli.operator:backup",
        "Copy jobs, messages and videos of the embedded default to a new folder TO.",
    ),
    "dead": ("publisher.cli.operator:dead", "Look at messages that were given up, replay them or drop them."),
    "key": ("publisher.cli.operator:key", "Make API keys for callers of a facade."),
    "setup": (
        "publisher.cli.google:setup",
        "Make topics, subscriptions and bucket at Google, as the settings name them.",
    ),
    "emulators": (
        "publisher.cli.google:emulators",
        "Run Google's emulators on this machine until Ctrl-C or SIGTERM.",
    ),
    "reconcile": ("publisher.cli.serve:reconcile", "Look once at every job that got stuck."),
}

_EPILOG = """\b
Exit codes:
  0    all is well
  1    the job failed, was cancelled or expired; or a server ended by itself
  2    bad input or usage
  3    there is no such job or dead letter
  4    out of reach: a store, the bus, the facade or the worker
  5    the wait is over, and the job goes on
  130  interrupted

\b
Settings come from the environment (REELBUS_..., PORT) and from .env; by default everything lies in .reelbus here.
"""


def _version() -> str:
    try:
        return version("reelbus")
    except PackageNotFoundError:
        return "(a checkout that is not installed)"


@click.group(
    cls=LazyGroup,
    entries=COMMANDS,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
@click.version_option(_version(), message="reelbus %(version)s")
def reelbus() -> None:
    """Videos from prompts, through a bus that never pays twice and never loses what was paid.

    `reelbus generate "A red bicycle turns slowly" -o bicycle.mp4` makes one here and now; `reelbus up` runs the
    service.
    """


def main() -> None:
    """The entry point."""
    reelbus(prog_name="reelbus")
