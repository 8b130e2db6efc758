"""Exit codes, and the errors that end a command with one line on stderr."""

import logging
import re
from typing import Any

import click

from publisher import interrupt
from schemas.errors import Conflict, Invalid, NotFound, ReelbusError, Unavailable


class NoVideo(click.ClickException):
    """The job ended without a video, or a server ended by itself."""

    exit_code = 1


class BadInput(click.ClickException):
    """The request is refused."""

    exit_code = 2


class NotThere(click.ClickException):
    """The job or dead letter does not exist."""

    exit_code = 3


class OutOfReach(click.ClickException):
    """A store, the bus, the facade or the worker does not answer."""

    exit_code = 4


class WaitExpired(click.ClickException):
    """The wait has expired; the job continues."""

    exit_code = 5


class Interrupted(click.ClickException):
    """Ctrl-C."""

    exit_code = interrupt.EXIT_CODE


class Command(click.Command):
    """A command whose errors are one line each, never a traceback."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options. Refuse a text that no store can take: with a NUL, or with bytes that are not UTF-8."""
        rest = super().parse_args(ctx, args)
        for parameter in self.get_params(ctx):
            given = ctx.params.get(parameter.name or "")
            for value in given if isinstance(given, tuple) else (given,):
                # The shell passes bytes that are not UTF-8 on as half characters.
                if isinstance(value, str) and re.search(r"[\0\ud800-\udfff]", value):
                    raise click.BadParameter("must be UTF-8 without NUL characters", ctx=ctx, param=parameter)
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        logging.getLogger().addHandler(logging.NullHandler())  # the error says what a person must know
        with interrupt.open_interrupts():
            try:
                return super().invoke(ctx)
            except ReelbusError as error:
                raise to_click_error(error) from error
            except KeyboardInterrupt:
                raise Interrupted("Interrupted") from None


def to_click_error(error: ReelbusError) -> click.ClickException:
    """Return the error with its exit code. Its sentence is the one that the facade would answer."""
    words = str(error)
    match error:
        case Invalid():
            return BadInput(f"Invalid request: {words}")
        case Conflict():
            return BadInput(words)
        case NotFound():
            return NotThere(words)
        case Unavailable():
            return OutOfReach(words)
        case _:
            return NoVideo(words)
