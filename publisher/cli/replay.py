"""`reelbus replay`: another life for a job that ended without a video."""

import asyncio

import click

from publisher.cli.configuration import configuration
from publisher.cli.door_option import json_option
from publisher.cli.exits import Verb
from publisher.compose import open_desk
from publisher.replay import replay as replay_job
from publisher.status import view
from schemas.view import JobView


@click.command(cls=Verb)
@click.argument("job_id", metavar="ID")
@json_option
def replay(job_id: str, as_json: bool) -> None:
    """Let a job that ended without a video live again.

    What is paid is used, and not paid again. A job that has not ended stays as it is.
    """
    seen = asyncio.run(_replay(job_id))
    words = f"{seen.video_id} is {seen.state}; what is paid is used, and not paid again"
    click.echo(seen.model_dump_json() if as_json else words)


async def _replay(job_id: str) -> JobView:
    async with open_desk(configuration()) as desk:
        return await view(desk, await replay_job(desk, job_id))
