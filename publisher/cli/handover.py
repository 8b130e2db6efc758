"""Commands of the worker's side: this process becomes it, so that signals and the exit code are its own."""

import os
import sys
from typing import Never

import click

from publisher.cli.child import command, environment

_AS_THEY_ARE = {"ignore_unknown_options": True, "help_option_names": []}


@click.command(context_settings=_AS_THEY_ARE, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def worker(arguments: tuple[str, ...]) -> None:
    """Run a worker until Ctrl-C or SIGTERM."""
    _become("subscriber", *arguments)


@click.command(context_settings=_AS_THEY_ARE, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def reconcile(arguments: tuple[str, ...]) -> None:
    """Look once at every job that got stuck."""
    _become("subscriber", "reconcile", *arguments)


def _become(module: str, *arguments: str) -> Never:
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, command(module, *arguments), environment())
