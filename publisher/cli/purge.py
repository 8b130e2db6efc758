"""`reelbus purge`: erases what callers wrote and what was made of it."""

import asyncio
import re
from datetime import timedelta
from typing import TypedDict, Unpack

import click

from publisher.cli.configuration import configuration
from publisher.cli.door_option import json_option
from publisher.cli.exits import Verb
from publisher.compose import open_desk
from publisher.purge import Purge, purge_old
from publisher.purge import purge as purge_jobs
from schemas.errors import Conflict, Invalid

_DAYS_AT_MOST = 36_500


class _Which(TypedDict):
    """The jobs that are not named by their ids."""

    project_id: str | None
    caller: str | None
    older_than: timedelta | None


class _Age(click.ParamType[timedelta]):
    name = "age"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """30d, 12h; what is none ends the command."""
        found = re.fullmatch(r"([0-9]{1,7})([dh])", str(value))
        age = timedelta(**{"days" if found[2] == "d" else "hours": int(found[1])}) if found else timedelta()
        if not timedelta() < age <= timedelta(days=_DAYS_AT_MOST):
            self.fail(f"must be days or hours such as 30d or 12h, at most {_DAYS_AT_MOST}d, not {value!r}", param, ctx)
        return age


@click.command(cls=Verb)
@click.argument("job_ids", metavar="[ID]...", nargs=-1)
@click.option("--project", "project_id", metavar="ID", help="All ended jobs of this project.")
@click.option(
    "--caller", metavar="NAME", help="Of this caller with a key: all ended jobs, or those named by its own ids."
)
@click.option("--older-than", type=_Age(), metavar="AGE", help="All jobs that ended so long ago, e.g. 30d or 12h.")
@click.option("--dry-run", is_flag=True, help="Say what would be erased, and erase nothing.")
@json_option
def purge(job_ids: tuple[str, ...], as_json: bool, dry_run: bool, **which: Unpack[_Which]) -> None:
    """Erase prompts, images and videos of ended jobs.

    What a job was, how it ended and what it cost stay, so that a repeat of its request never pays again. There is no
    way back. Completions that were published before can't be called back.
    """
    conditions = which["project_id"] or which["older_than"]
    if conditions if job_ids else not (conditions or which["caller"]):
        raise Invalid("name jobs, or say --project or --older-than (or both of these), or --caller")
    report = asyncio.run(_purge(job_ids, which, dry_run))
    click.echo(report.model_dump_json() if as_json else _words(report))
    if job_ids and report.kept:
        raise Conflict(f"{len(report.kept)} of {len(set(job_ids))} jobs can't be erased")


async def _purge(job_ids: tuple[str, ...], which: _Which, dry_run: bool) -> Purge:
    async with open_desk(configuration(), make=False) as desk:
        if job_ids:
            return await purge_jobs(desk, job_ids, caller=which["caller"], dry_run=dry_run)
        return await purge_old(desk, **which, dry_run=dry_run)


def _words(report: Purge) -> str:
    verb = "would be erased" if report.dry_run else "is erased"
    lines = [f"{job_id} {verb}" for job_id in report.erased]
    lines += [
        f"{job_id}: not all of it could be seen and deleted now; a worker goes on" for job_id in report.unfinished
    ]
    lines += [f"{kept.job_id} is kept: {kept.reason}" for kept in report.kept]
    return "\n".join(lines) or "No jobs."
