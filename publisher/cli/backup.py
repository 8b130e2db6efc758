"""`reelbus backup`: a copy of the data folder while services use it."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path

import click

from publisher.cli.configuration import configuration
from publisher.cli.door_option import json_option
from publisher.cli.exits import Verb
from publisher.compose import back_up


@click.command(cls=Verb)
@click.argument("to", type=click.Path(path_type=Path))
@json_option
def backup(to: Path, as_json: bool) -> None:
    """Copy jobs, messages and videos of the embedded default to a new folder TO.

    Services may go on meanwhile. docs/operations.md says how to restore it, and what that means for money.
    """
    done = asyncio.run(back_up(configuration(), to.absolute()))
    words = f"{done.jobs} jobs and {done.files} files ({done.bytes:,} bytes) are in {done.folder}"
    click.echo(json.dumps(asdict(done)) if as_json else words)
