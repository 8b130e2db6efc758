"""`reelbus status`, `list`, `cancel` and `replay`: the commands on jobs that exist."""

import asyncio
from contextlib import aclosing, suppress
from textwrap import shorten

import click
from rich.table import Table
from rich.text import Text

from publisher.cli.configuration import configuration
from publisher.cli.errors import Command, NoVideo, WaitExpired
from publisher.cli.film_hint import hint_at_film
from publisher.cli.money import agree, pay_option
from publisher.cli.options import Seconds, job_filters, json_option, open_client, open_operator, url_option
from publisher.cli.output import console, cost, echo, format_ending, format_job, format_none, moment, visible
from publisher.compose import local_file
from publisher.jobs import JobFilter, Listing
from schemas.domain.projections import JobView
from schemas.domain.states import JobState
from schemas.errors import Charged


@click.command(cls=Command)
@click.argument("job_id", metavar="ID")
@click.option("--wait", "wait_s", type=Seconds(min=0), metavar="N", help="Wait N seconds at most for its end.")
@json_option
@url_option
def status(job_id: str, wait_s: float | None, as_json: bool, url: str | None) -> None:
    """Show the state of a job.

    Exits with 0 for every job that exists. With --wait the code says how the job ended: 0 with a video, 1 without one,
    and 5 if it has not ended.
    """
    view = asyncio.run(_status(job_id, wait_s or 0, url))
    file = local_file(configuration(), view.gcs_path) if url is None and view.gcs_path else None
    echo(view.model_dump_json() if as_json else format_job(view, file=file))
    if wait_s is None or view.state is JobState.SUCCEEDED:
        return
    if view.state.ended:
        raise NoVideo(format_ending(view))
    raise WaitExpired(f"Not ended after {wait_s:g} s: {view.state}")


async def _status(job_id: str, wait_s: float, url: str | None) -> JobView:
    async with hint_at_film(job_id, url), open_client(url) as client:
        view = await client.status(job_id)
        if view.state.ended or not wait_s:
            return view
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s), aclosing(client.follow(job_id)) as updates:
                async for update in updates:
                    if update.end:
                        return update.end
        return await client.status(job_id)


_PROMPT_AT_LEAST = 12


@click.command("list", cls=Command)
@job_filters
@click.option("--limit", type=int, default=50, show_default=True, metavar="N", help="The most jobs to list.")
@click.option("--cursor", metavar="CURSOR", help="List the page after the one that showed this cursor.")
@json_option
@url_option
def list_videos(as_json: bool, url: str | None, **filters: object) -> None:
    """List jobs, the newest first."""
    wanted = JobFilter(**filters)  # type: ignore[arg-type]  # click has checked them
    page = asyncio.run(_list(wanted, url))
    if as_json:
        click.echo(page.model_dump_json())
        return
    screen = console()
    if page.videos:
        screen.print(_table(page, screen.width))
    elif wanted.q:
        echo(f"No jobs match {visible(wanted.q)}: -q compares whole words.")
    else:
        echo(format_none("jobs", url or configuration().jobs_url))
    if page.next_cursor:
        click.echo(f"More: --cursor {page.next_cursor}", err=True)


async def _list(filters: JobFilter, url: str | None) -> Listing:
    async with open_client(url) as client:
        return await client.list(filters)


def _table(page: Listing, width: int) -> Table:
    """Fit the table into the width: shorten the prompts, then drop columns from the right. Ids stay whole."""
    with_caller = any(view.caller for view in page.videos)
    rows = [_row(view, with_caller) for view in page.videos]
    widths = {name: max(map(len, (name, *(row[name] for row in rows)))) + 2 for name in rows[0]}
    while sum(widths.values()) + _PROMPT_AT_LEAST > width and len(widths) > 2:
        widths.popitem()
    remaining = max(width - sum(widths.values()), _PROMPT_AT_LEAST)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in (*widths, "PROMPT"):
        table.add_column(name, no_wrap=True)
    for row, video in zip(rows, page.videos, strict=True):
        cells = (*(row[name] for name in widths), shorten(visible(video.prompt), remaining, placeholder="…"))
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


@click.command(cls=Command)
@click.argument("job_id", metavar="ID")
@json_option
@url_option
def cancel(job_id: str, as_json: bool, url: str | None) -> None:
    """Cancel a job.

    A clip that a model has accepted stays charged.
    """
    view = asyncio.run(_cancel(job_id, url))
    click.echo(view.model_dump_json() if as_json else _words(view))


async def _cancel(job_id: str, url: str | None) -> JobView:
    async with hint_at_film(job_id, url), open_client(url) as client:
        return await client.cancel(job_id)


def _words(view: JobView) -> str:
    if not view.state.ended:
        return f"{view.video_id} is being submitted; it is cancelled as soon as the outcome of the submit is known"
    if view.state is not JobState.CANCELLED:
        return f"{view.video_id} had ended already: {view.state}"
    charge = "nothing was charged" if view.charged is Charged.NO else f"charged: {cost(view)}"
    return f"{view.video_id} is cancelled; {charge}"


@click.command(cls=Command)
@click.argument("job_id", metavar="ID")
@pay_option
@json_option
@url_option
def replay(job_id: str, pay: bool, as_json: bool, url: str | None) -> None:
    """Queue a job that ended without a video again.

    Clips that were paid and made are used. Without --pay the command only shows which clips it would pay for. A job
    that has not ended stays unchanged.
    """
    seen, is_replayed = asyncio.run(_replay(job_id, pay=pay, url=url))
    if not is_replayed:
        words = "it has not ended, and stays unchanged"
    else:
        words = "clips that were paid and made are used" + ("" if pay else ", and nothing else is paid")
    click.echo(seen.model_dump_json() if as_json else f"{seen.video_id} is {seen.state}; {words}")


async def _replay(job_id: str, *, pay: bool, url: str | None) -> tuple[JobView, bool]:
    async with open_operator(url) as client:
        return await agree(lambda payments: client.replay(job_id, payments), pay=pay)
