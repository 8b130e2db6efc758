"""`reelbus status`: how one job stands."""

import asyncio
from contextlib import aclosing, suppress

import click

from publisher.cli.configuration import configuration
from publisher.cli.door_option import door, json_option, url_option
from publisher.cli.exits import NoVideo, Verb, WaitOver
from publisher.cli.facts import ending, facts
from publisher.compose import local_file
from schemas.state import JobState
from schemas.view import JobView


@click.command(cls=Verb)
@click.argument("job_id", metavar="ID")
@click.option("--wait", "wait_s", type=click.FloatRange(min=0), metavar="N", help="Wait N seconds for its end.")
@json_option
@url_option
def status(job_id: str, wait_s: float | None, as_json: bool, url: str | None) -> None:
    """Show how a video stands.

    Exits with 0 for every job that there is. With --wait the code says how it ended: 0 with a video, 1 without one, 5
    not yet.
    """
    view = asyncio.run(_status(job_id, wait_s or 0, url))
    file = local_file(configuration(), view.gcs_path) if url is None and view.gcs_path else None
    click.echo(view.model_dump_json() if as_json else facts(view, file=file))
    if wait_s is None or view.state is JobState.SUCCEEDED:
        return
    if view.state.ended:
        raise NoVideo(ending(view))
    raise WaitOver(f"Not ended after {wait_s:g} s: {view.state}")


async def _status(job_id: str, wait_s: float, url: str | None) -> JobView:
    async with door(url) as opened:
        view = await opened.status(job_id)
        if view.state.ended or not wait_s:
            return view
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s), aclosing(opened.follow(job_id)) as following:
                async for news in following:
                    if news.end:
                        return news.end
        return await opened.status(job_id)
