"""`reelbus watch`: jobs as they change, as a table at a terminal and as lines elsewhere."""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import click
from rich.live import Live
from rich.table import Table
from rich.text import Text

from publisher.cli.clients import JobClient
from publisher.cli.errors import Command
from publisher.cli.options import Seconds, job_filters, open_client, url_option
from publisher.cli.output import console, cost, moment, to_update, visible
from publisher.jobs import JobFilter
from schemas.domain.projections import JobView
from schemas.errors import Unavailable

_EVERY_AT_LEAST_S = 0.5
_BAR = 12


@click.command(cls=Command)
@job_filters
@click.option(
    "--limit", type=click.IntRange(1, 200), default=20, show_default=True, metavar="N", help="The newest N jobs."
)
@click.option(
    "--every",
    "every_s",
    type=Seconds(min=_EVERY_AT_LEAST_S, max=3600),
    default=2,
    show_default=True,
    metavar="S",
    help="Seconds between two looks.",
)
@click.option("--for", "for_s", type=Seconds(min=0), metavar="S", help="End after S seconds.  [default: at Ctrl-C]")
@url_option
def watch(url: str | None, every_s: float, for_s: float | None, **filters: object) -> None:
    """Show jobs as they change, until Ctrl-C.

    At a terminal it is a table; elsewhere one line for each change. A facade or store that does not answer for a while
    is asked again.
    """
    wanted = JobFilter(**filters)  # type: ignore[arg-type]  # click has checked them
    asyncio.run(_watch(wanted, url, every_s, for_s))


async def _watch(wanted: JobFilter, url: str | None, every_s: float, for_s: float | None) -> None:
    async with open_client(url) as client:
        looks = _look_again(client, wanted, every_s, for_s)
        await (_show_table(looks) if sys.stdout.isatty() else _print_lines(looks))


async def _look_again(
    client: JobClient, wanted: JobFilter, every_s: float, for_s: float | None
) -> AsyncIterator[list[JobView] | Unavailable]:
    """Yield the jobs at each look, or why they can't be read. The first look must succeed."""
    loop, is_first = asyncio.get_running_loop(), True
    until = None if for_s is None else loop.time() + for_s
    while True:
        try:
            yield (await client.list(wanted)).videos
        except Unavailable as error:
            if is_first:
                raise
            yield error
        is_first = False
        if until is not None and loop.time() + every_s > until:
            return
        await asyncio.sleep(every_s)


async def _show_table(looks: AsyncIterator[list[JobView] | Unavailable]) -> None:
    views, notice = list[JobView](), ""
    with Live(console=console(), auto_refresh=False, screen=False) as live:
        async for look in looks:
            if isinstance(look, Unavailable):
                notice = f"; {look}"
            else:
                views, notice = look, ""
            live.update(_table(views, notice), refresh=True)


def _table(views: list[JobView], notice: str) -> Table:
    now = moment(datetime.now(UTC).isoformat())
    caption = f"{len(views)} jobs at {now}{notice}; Ctrl-C ends"
    table = Table(box=None, pad_edge=False, header_style="bold", caption=Text(caption), caption_justify="left")
    for name in ("ID", "STATE", "PROGRESS", "COST", "CREATED"):
        table.add_column(name, no_wrap=True)
    table.add_column("PROMPT", no_wrap=True, overflow="ellipsis")
    for view in views:
        created = moment(view.created_at.isoformat())
        cells = (view.video_id, to_update(view).headline, _progress(view), cost(view), created, visible(view.prompt))
        table.add_row(*map(Text, cells))
    return table


def _progress(view: JobView) -> str:
    if view.state.ended:
        return ""
    full = round(view.progress * _BAR)
    return f"{'█' * full}{'░' * (_BAR - full)} {view.progress:4.0%}"


async def _print_lines(looks: AsyncIterator[list[JobView] | Unavailable]) -> None:
    """Print a line for each job that is new or has changed, the oldest first. Progress counts in tenths."""
    printed: dict[str, str] = {}
    async for look in looks:
        if isinstance(look, Unavailable):
            click.echo(str(look), err=True)
            continue
        lines = {view.video_id: _line(view) for view in reversed(look)}
        for video_id, line in lines.items():
            if printed.get(video_id) != line:
                click.echo(f"{moment(datetime.now(UTC).isoformat())} {line}")
        printed = lines


def _line(view: JobView) -> str:
    tenths = f" {int(view.progress * 10) * 10}%" if view.progress and not view.state.ended else ""
    ending = f" {cost(view)}" if view.state.ended else ""
    return f"{view.video_id} {to_update(view).headline}{tenths}{ending}"
