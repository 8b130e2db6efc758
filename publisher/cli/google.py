"""`reelbus setup` makes the resources at Google; `reelbus emulators` runs Google's emulators on this machine."""

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from types import FrameType

import click

from publisher.cli.configuration import configuration
from publisher.cli.errors import Command
from publisher.cli.options import json_option
from publisher.cli.processes import command as program
from publisher.compose import open_emulators, set_up
from schemas.errors import Invalid, Unavailable


class _Name(click.ParamType[str]):
    """A name at Google. It becomes a part of addresses."""

    name = "name"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name, or end the command."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,62}", str(value)):
            words = "must have 1 to 63 letters, digits, dots, colons, hyphens and underscores"
            self.fail(f"{words}, and begin with a letter or digit, not {value!r}", param, ctx)
        return str(value)


@click.command(cls=Command)
@click.option(
    "--location", type=_Name(), metavar="PLACE", help="Where to make the bucket if it does not exist, e.g. us-central1."
)
@json_option
def setup(location: str | None, as_json: bool) -> None:
    """Make the topics, subscriptions and bucket at Google that the settings name.

    The command can be repeated: it changes only what differs from the settings.
    """
    done = asyncio.run(set_up(configuration(), location=location))
    changes, hints = ([asdict(change) for change in done.changes], done.hints) if done else ([], [])
    if as_json:
        click.echo(json.dumps({"changes": changes, "hints": hints}))
        return
    for change in changes:
        click.echo(f"{change['done']:<10} {change['kind']:<13} {change['name']}")
    for hint in hints:
        click.echo(hint)
    if done is None:
        click.echo("Nothing to set up: the settings name nothing at Google.")


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_GRACE_S = 10.0


class _Stopped(BaseException):
    """A signal asked for the end. Not an `Exception`, so that no handler of failures catches it."""

    def __init__(self, number: int) -> None:
        self.number = number


@click.command(cls=Command, context_settings={"ignore_unknown_options": True})
@click.option(
    "--project",
    type=_Name(),
    metavar="NAME",
    help="Also set REELBUS_BUS, _JOBS and _VIDEOS, to that project on the emulators, and make what they name.",
)
@json_option
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def emulators(project: str | None, as_json: bool, command: tuple[str, ...]) -> None:
    """Run Google's emulators on this machine until Ctrl-C or SIGTERM.

    The emulators keep all data in memory. When they answer, the environment that leads to them is printed. A COMMAND
    (`reelbus emulators -- COMMAND ...`) is run in this environment instead, and its status is the exit code.
    """
    if command and shutil.which(command[0]) is None:
        raise Invalid(f"command {command[0]!r} can't be run: there is no such program", field="command")
    status = 0
    try:
        with _end_on_signals(), open_emulators() as addresses:
            environment = {**addresses, **_settings(project)}
            if project:
                _set_up(environment)
            if command:
                status = _run(command, environment)
            else:
                lines = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
                click.echo(json.dumps(environment) if as_json else "\n".join(lines))
                sys.stdout.flush()
                signal.pause()
    except _Stopped as stopped:
        status = 128 + stopped.number if command else 0
    sys.exit(status)


def _settings(project: str | None) -> dict[str, str]:
    if project is None:
        return {}
    return {
        "REELBUS_BUS": f"pubsub://{project}",
        "REELBUS_JOBS": f"firestore://{project}/(default)",
        "REELBUS_VIDEOS": f"gs://{project}",
    }


def _set_up(environment: Mapping[str, str]) -> None:
    """Make what the settings name, in a process of its own: Google's clients read their addresses at their start."""
    done = subprocess.run(
        program("publisher", "setup"), env={**os.environ, **environment}, stdout=subprocess.DEVNULL, check=False
    )
    if done.returncode:
        raise Unavailable("the emulators could not be set up; see above")


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    try:
        process = subprocess.Popen(command, env={**os.environ, **environment})
    except (OSError, ValueError) as error:  # an argument may be too long, or have a NUL
        raise Invalid(f"command {command[0]!r} can't be run: {error}", field="command") from error
    try:
        status = process.wait()
    except _Stopped:
        process.terminate()
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise
    return status if status >= 0 else 128 - status


@contextmanager
def _end_on_signals() -> Iterator[None]:
    """Raise `_Stopped` at the first signal. Later signals are ignored until the context has ended."""

    def stop(number: int, _: FrameType | None) -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise _Stopped(number)

    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
