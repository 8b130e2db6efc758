"""`reelbus cancel`: ends a job."""

import asyncio

import click

from publisher.cli.door_option import door, json_option, url_option
from publisher.cli.exits import Verb
from publisher.cli.facts import cost
from schemas.failure import Charged
from schemas.state import JobState
from schemas.view import JobView


@click.command(cls=Verb)
@click.argument("job_id", metavar="ID")
@json_option
@url_option
def cancel(job_id: str, as_json: bool, url: str | None) -> None:
    """End a job that nobody wants any more.

    What a model has taken in already stays charged.
    """
    view = asyncio.run(_cancel(job_id, url))
    click.echo(view.model_dump_json() if as_json else _words(view))


async def _cancel(job_id: str, url: str | None) -> JobView:
    async with door(url) as opened:
        return await opened.cancel(job_id)


def _words(view: JobView) -> str:
    if not view.state.ended:
        return f"{view.video_id} is being submitted; it is cancelled as soon as that is decided"
    if view.state is not JobState.CANCELLED:
        return f"{view.video_id} had ended before: {view.state}"
    charge = "nothing was charged" if view.charged is Charged.NO else f"charged: {cost(view)}"
    return f"{view.video_id} is cancelled; {charge}"
