"""`reelbus setup`: what must exist at Google before the first request."""

import asyncio
import json
from dataclasses import asdict

import click

from publisher.cli.configuration import configuration
from publisher.cli.door_option import json_option
from publisher.cli.exits import Verb
from publisher.compose import set_up


@click.command(cls=Verb)
@click.option("--location", metavar="PLACE", help="Where to make the bucket if there is none, e.g. us-central1.")
@json_option
def setup(location: str | None, as_json: bool) -> None:
    """Make topics, subscriptions and bucket at Google, as the settings name them.

    Safe to repeat: what is there stays, and only what differs is changed.
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
