"""How a process of this package ends that could not do its work: one line on standard error, and a status."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from pydantic import ValidationError

from schemas.errors import Invalid, ReelbusError, Unavailable
from schemas.wire.validation import invalid_setting


@contextmanager
def exit_on_error(service: str) -> Iterator[None]:
    """Exit with 2 if a setting is wrong, 4 if a service is out of reach, 130 if interrupted, 1 for our other errors."""
    try:
        yield
    except ValidationError as error:
        _exit(service, 2, str(invalid_setting(error)))
    except Invalid as error:
        _exit(service, 2, str(error))
    except Unavailable as error:
        _exit(service, 4, str(error))
    except ReelbusError as error:
        _exit(service, 1, str(error))
    except KeyboardInterrupt:
        _exit(service, 130, "interrupted")


def _exit(service: str, status: int, words: str) -> None:
    click.echo(f"reelbus {service}: {words}", err=True)
    sys.exit(status)
