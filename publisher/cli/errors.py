"""Exit codes, and the one line on stderr that goes with each of them."""

import logging
from typing import Any

import click

from publisher import interrupt
from schemas.errors import Conflict, Invalid, NotFound, ReelbusError, Unavailable


class NoVideo(click.ClickException):
    """The job ended without a video, or a server ended by itself."""

    exit_code = 1


class BadInput(click.ClickException):
    """What was asked for is refused."""

    exit_code = 2


class NotThere(click.ClickException):
    """There is no such job or dead letter."""

    exit_code = 3


class OutOfReach(click.ClickException):
    """A store, the bus, the facade or the worker does not answer."""

    exit_code = 4


class WaitOver(click.ClickException):
    """The time that the caller gave is over; the job goes on."""

    exit_code = 5


class Interrupted(click.ClickException):
    """Ctrl-C."""

    exit_code = interrupt.EXIT_CODE


class Command(click.Command):
    """A command whose errors are one line each, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it."""
        logging.getLogger().addHandler(logging.NullHandler())  # the complaint says what a person must know
        with interrupt.open_interrupts():
            try:
                return super().invoke(ctx)
            except ReelbusError as error:
                raise to_click_error(error) from error
            except KeyboardInterrupt:
                raise Interrupted("Interrupted") from None


def to_click_error(error: ReelbusError) -> click.ClickException:
    """The same sentence as at the HTTP door, with its exit code."""
    words = " ".join(str(error).split())
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
