"""`reelbus films`: the films of this folder, or of a running facade, the newest first."""

import asyncio
from dataclasses import asdict

import click
from rich.table import Table
from rich.text import Text

from publisher.access import Access
from publisher.cli.clients import open_local_client
from publisher.cli.configuration import configuration
from publisher.cli.errors import Command
from publisher.cli.http_client import HttpClient
from publisher.cli.options import json_option, open_facade, url_option
from publisher.cli.output import console, echo, format_none, moment
from publisher.films.listing import FilmFilter, FilmListing, FilmOutline, list_films
from publisher.plan import show_seconds


@click.command(cls=Command)
@click.option("--state", metavar="STATE", help="Only films in this state, e.g. rendering, held, succeeded.")
@click.option("--project", "project_id", metavar="ID", help="Only films of this project.")
@click.option(
    "--caller", "films_of", metavar="NAME", help="Only films of this caller; with --url for an operator's key."
)
@click.option("--limit", type=int, default=50, show_default=True, metavar="N", help="The most films to list.")
@click.option("--cursor", metavar="CURSOR", help="List the page after the one that showed this cursor.")
@json_option
@url_option
def list_films_command(as_json: bool, url: str | None, **filters: object) -> None:
    """List films, the newest first."""
    wanted = FilmFilter(**filters)  # type: ignore[arg-type]  # click has checked them
    page = asyncio.run(_list(wanted, url))
    if as_json:
        click.echo(page.model_dump_json())
        return
    if page.films:
        console().print(_table(page))
    else:
        echo(format_none("films", url or configuration().jobs_url))
    if page.next_cursor:
        click.echo(f"More: --cursor {page.next_cursor}", err=True)


async def _list(wanted: FilmFilter, url: str | None) -> FilmListing:
    if url is not None:
        given = {**asdict(wanted), "caller": wanted.films_of, "films_of": None}
        query = {name: value for name, value in given.items() if value is not None}
        async with open_facade(url) as connection:
            return await HttpClient(connection).call(FilmListing, "GET", "/api/films", params=query)
    async with open_local_client() as local:
        return await list_films(local.ctx, wanted, Access())


def _table(page: FilmListing) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    rows = [_row(film) for film in page.films]
    for name in rows[0]:
        table.add_column(name, no_wrap=name in ("ID", "STATE"))
    for row in rows:
        table.add_row(*map(Text, row.values()))
    return table


def _row(film: FilmOutline) -> dict[str, str]:
    state = f"{film.state} (erased)" if film.erased_at else film.state
    length = "-" if film.duration_seconds is None else show_seconds(film.duration_seconds)
    return {
        "ID": film.film_id,
        "REVISION": str(film.revision),
        "STATE": state,
        "SCENES": str(film.scenes),
        "LENGTH": f"{length} (of an earlier revision)" if film.is_stale else length,
        "CREATED": moment(film.created_at.isoformat()),
    }
