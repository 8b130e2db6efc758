"""`reelbus key`: who may call a facade."""

import json

import click
from pydantic import ValidationError

from publisher.cli.door_option import json_option
from publisher.cli.exits import Verb
from publisher.keys import new_key
from schemas.complaint import invalid


@click.group()
def key() -> None:
    """Make API keys for callers of a facade."""


@key.command(cls=Verb)
@click.argument("name", metavar="NAME")
@json_option
def new(name: str, as_json: bool) -> None:
    """Make a key for this caller. It is shown once; the facade's settings get a digest of it."""
    try:
        secret, known = new_key(name)
    except ValidationError as error:
        raise invalid(error) from error
    if as_json:
        click.echo(json.dumps({"key": secret, **known.model_dump()}))
        return
    click.echo(f"Key for {known.name}, shown only now:\n  {secret}\n")
    click.echo("For the facade (one list for all callers):")
    click.echo(f"  REELBUS_API_KEYS='[{known.model_dump_json()}]'")
