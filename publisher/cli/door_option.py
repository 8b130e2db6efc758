"""`--url` and `--json`, which many commands have, and the door that `--url` leads to."""

from contextlib import AbstractAsyncContextManager

import click

from publisher.cli.configuration import configuration
from publisher.cli.desk_door import desk_door
from publisher.cli.door import Door
from publisher.cli.http_door import http_door


def _address(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None and not value.startswith(("http://", "https://")):
        raise click.BadParameter(f"must be an http:// or https:// address, not {value!r}")
    return value.rstrip("/") if value else value


url_option = click.option(
    "--url", callback=_address, metavar="URL", help="Ask a running facade, e.g. http://localhost:8000."
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")


def door(url: str | None) -> AbstractAsyncContextManager[Door]:
    """The facade at that address, or the stores of the settings."""
    return desk_door() if url is None else http_door(url, api_key=configuration().api_key.get_secret_value())
