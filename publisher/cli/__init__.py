"""The command line: `reelbus`. docs/cli.md says what each command prints, and with which exit code it ends.

The group imports a command only when it runs it, so that `reelbus --help` answers at once.
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

from publisher import package_version

Entries = Mapping[str, tuple[str, str]]
"""Name of the command: where it is (`module:attribute`), and its line in the help."""
_SHOWN_AT_MOST = 600
"""The characters of an error. A value may have thousands of them, and its option and limit stand around it."""

_MEANT = {"jobs": "list", "ls": "list", "videos": "list", "show": "status", "get": "status", "run": "up", "start": "up"}
"""Names that other programs have for a command of ours."""


class LazyGroup(click.Group):
    """A group of commands that are imported by name, and listed in the order of `entries`."""

    def __init__(self, *args: Any, entries: Entries, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._entries = entries

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names."""
        return list(self._entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command and return it."""
        if cmd_name not in self._entries:
            return None
        module, _, attribute = self._entries[cmd_name][0].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command. The error for an unknown name says which command it may stand for."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            found = [_MEANT[args[0]]] if args[0] in _MEANT else get_close_matches(args[0], self._entries, 1)
            if found and args[0] not in self._entries:
                _set_message(error, f"{error.message} Did you mean {found[0]!r}?")
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list in the help, without importing the commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self._entries.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options before the command. If one belongs to a command, the error names the right place."""
        command = next((arg for arg in args if arg in self._entries), "COMMAND")
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            example = f"{ctx.command_path} {command} {error.option_name}"
            _set_message(error, f"{error.message.rstrip('.')}. Options follow the command: {example}")
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Parse and run the command. Its errors may quote any value, and become one short line that can be shown."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            _set_message(error, error.message)
            raise


def _set_message(error: click.ClickException, words: str) -> None:
    """Set the words as one line without control characters and half characters, shortened in the middle."""
    line = " ".join(words.split())
    line = re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", lambda found: ascii(found[0])[1:-1], line)
    half = _SHOWN_AT_MOST // 2
    shown = line if len(line) <= _SHOWN_AT_MOST else f"{line[:half]} … {line[-half:]}"
    vars(error).update(message=shown)  # click declares it final, and the error has a context and a hint beside it


__all__ = ["main", "reelbus"]

COMMANDS = {
    "up": ("publisher.cli.serve:up", "Run facade and worker together until Ctrl-C or SIGTERM."),
    "serve": ("publisher.cli.serve:serve", "Run the HTTP facade until Ctrl-C or SIGTERM."),
    "mcp": ("publisher.cli.mcp:mcp", "Serve the tools for an agent on standard input and output."),
    "worker": ("publisher.cli.serve:worker", "Run a worker until Ctrl-C or SIGTERM."),
    "evaluator": ("publisher.cli.serve:evaluator", "Score videos against their prompts until Ctrl-C or SIGTERM."),
    "generate": ("publisher.cli.generate:generate", "Make a video from a prompt or a scene, and wait for it."),
    "batch": ("publisher.cli.batch:batch", "Make the videos of a JSONL file, and wait for them."),
    "film": ("publisher.cli.film:film", "Make one film of up to 60 scenes: the price first, then the film."),
    "films": ("publisher.cli.films:list_films_command", "List films, the newest first."),
    "status": ("publisher.cli.jobs:status", "Show the state of a job."),
    "list": ("publisher.cli.jobs:list_videos", "List jobs, the newest first."),
    "watch": ("publisher.cli.watch:watch", "Show jobs as they change, until Ctrl-C."),
    "open": ("publisher.cli.open:open_video", "Play the video of a job, or print where it is."),
    "cancel": ("publisher.cli.jobs:cancel", "Cancel a job."),
    "spend": ("publisher.cli.money:spend", "Show what was spent, from the ledgers of all jobs."),
    "plan": ("publisher.cli.money:plan", "Show clips, billed seconds and price of a video, without making it."),
    "replay": ("publisher.cli.jobs:replay", "Queue a job that ended without a video again."),
    "resolve": ("publisher.cli.resolve:resolve", "Resolve a clip whose charge is unknown."),
    "purge": ("publisher.cli.operator:purge", "Erase prompts, images and videos of ended jobs and films."),
    "backup": (
        "publisher.cli.operator:backup",
        "Copy jobs, messages and videos of the embedded default to a new folder TO.",
    ),
    "webhooks": (
        "publisher.cli.webhooks:webhooks",
        "List, replay and test webhooks, and show the secrets that sign them.",
    ),
    "dead": ("publisher.cli.operator:dead", "List, show, replay and drop dead letters."),
    "key": ("publisher.cli.operator:key", "Make API keys for callers of a facade."),
    "setup": (
        "publisher.cli.google:setup",
        "Make the topics, subscriptions and bucket at Google that the settings name.",
    ),
    "doctor": (
        "publisher.cli.doctor:doctor",
        "Say whether settings, services and this machine are right, line by line.",
    ),
    "emulators": (
        "publisher.cli.google:emulators",
        "Run Google's emulators on this machine until Ctrl-C or SIGTERM.",
    ),
    "reconcile": ("publisher.cli.serve:reconcile", "Check every job that is stuck, once."),
}

_EPILOG = """\b
Exit codes:
  0    success
  1    the job failed, was cancelled or expired; a server ended by itself; or doctor found something wrong
  2    invalid input or usage
  3    the job or dead letter does not exist
  4    a store, the bus, the facade or the worker does not answer
  5    the wait has expired; the job continues
  130  interrupted

\b
Settings come from the environment (REELBUS_..., PORT) and from .env; by default all data is stored in .reelbus here.
"""


@click.group(
    cls=LazyGroup,
    entries=COMMANDS,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
@click.version_option(package_version(), message="reelbus %(version)s")
def reelbus() -> None:
    """Make videos from prompts. No clip is paid twice, and no job is lost.

    `reelbus generate "A red bicycle turns slowly" -o bicycle.mp4` makes a video in this folder. `reelbus up` runs the
    service.
    """


def main() -> None:
    """Run the command line."""
    reelbus(prog_name="reelbus")
