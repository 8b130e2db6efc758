"""`reelbus replay`: another life for a job that ended without a video."""

import asyncio

import click

from publisher.cli.agreement import agree, pay_option
from publisher.cli.configuration import configuration
from publisher.cli.door_option import json_option
from publisher.cli.exits import Verb
from publisher.compose import open_desk, open_planner
from publisher.replay import replay as replay_job
from publisher.status import find, view
from schemas.view import JobView


@click.command(cls=Verb)
@click.argument("job_id", metavar="ID")
@pay_option
@json_option
def replay(job_id: str, pay: bool, as_json: bool) -> None:
    """Let a job that ended without a video live again.

    A clip that was paid and made is used. What would have to be paid is only shown, unless --pay is given. A job that
    has not ended stays as it is.
    """
    seen, lives_again = asyncio.run(_replay(job_id, pay=pay))
    if not lives_again:
        words = "it has not ended, and stays as it is"
    else:
        words = "what was paid and made is used" + ("" if pay else ", and nothing else is paid")
    click.echo(seen.model_dump_json() if as_json else f"{seen.video_id} is {seen.state}; {words}")


async def _replay(job_id: str, *, pay: bool) -> tuple[JobView, bool]:
    settings = configuration()
    async with open_desk(settings, make=False) as desk:
        before = await find(desk, job_id)
        job = await agree(open_planner(settings), lambda agreed: replay_job(desk, job_id, agreed=agreed), pay=pay)
        return await view(desk, job), job.life != before.life
