"""`reelbus list`: jobs, the newest first."""

import asyncio
import sys
from textwrap import shorten

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from publisher.cli.door import Filters
from publisher.cli.door_option import door, json_option, url_option
from publisher.cli.exits import Verb
from publisher.cli.facts import cost, moment
from publisher.listing import Listing
from schemas.errors import Invalid
from schemas.view import JobView

_PROMPT_AT_LEAST = 12
_WIDTH_OF_A_FILE = 160


@click.command("list", cls=Verb)
@click.option("--state", metavar="STATE", help="Only jobs in this state, e.g. queued, generating, failed.")
@click.option("--project", "project_id", metavar="ID", help="Only jobs of this project.")
@click.option("--caller", "jobs_of", metavar="NAME", help="Only jobs of this caller with a key; not with --url.")
@click.option("--limit", type=int, default=50, show_default=True, metavar="N", help="At most so many.")
@click.option("--cursor", metavar="CURSOR", help="Go on where the page before ended.")
@json_option
@url_option
def list_videos(as_json: bool, url: str | None, **filters: object) -> None:
    """List videos, the newest first."""
    if url and filters["jobs_of"]:
        raise Invalid("--caller looks into the stores; a facade (--url) shows a caller its own jobs")
    page = asyncio.run(_list(Filters(**filters), url))  # type: ignore[arg-type]  # click has checked them
    if as_json:
        click.echo(page.model_dump_json())
        return
    screen = console()
    screen.print(_table(page, screen.width) if page.videos else "No jobs.")
    if page.next_cursor:
        click.echo(f"More: --cursor {page.next_cursor}", err=True)


def console() -> Console:
    """Stdout, as wide as the terminal; in a file or a pipe nothing is folded to fit 80 columns."""
    return Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else _WIDTH_OF_A_FILE)


async def _list(filters: Filters, url: str | None) -> Listing:
    async with door(url) as opened:
        return await opened.list(filters)


def _table(page: Listing, width: int) -> Table:
    """Where the terminal is narrow the prompt gives way, then the columns from the right: an id is whole, or no use."""
    with_caller = any(view.caller for view in page.videos)
    rows = [_row(view, with_caller) for view in page.videos]
    widths = {name: max(map(len, (name, *(row[name] for row in rows)))) + 2 for name in rows[0]}
    while sum(widths.values()) + _PROMPT_AT_LEAST > width and len(widths) > 2:
        widths.popitem()
    room = max(width - sum(widths.values()), _PROMPT_AT_LEAST)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in (*widths, "PROMPT"):
        table.add_column(name, no_wrap=True)
    for row, view in zip(rows, page.videos, strict=True):
        cells = (*(row[name] for name in widths), shorten(view.prompt, room, placeholder="…"))
        table.add_row(*map(Text, cells))
    return table


def _row(view: JobView, with_caller: bool) -> dict[str, str]:
    columns = {
        "ID": view.video_id,
        "STATE": view.state,
        "LENGTH": f"{view.duration_seconds} s",
        "COST": cost(view),
        "CREATED": moment(view.created_at.isoformat()),
    }
    return {**columns, "CALLER": view.caller or ""} if with_caller else columns
