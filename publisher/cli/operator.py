"""`reelbus dead`, `purge`, `key` and `backup`: the commands of an operator."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TypedDict, TypeVar, Unpack

import click
from pydantic import ValidationError
from rich.table import Table
from rich.text import Text

from publisher.access import SCOPES, USUAL_SCOPES
from publisher.cli.configuration import configuration
from publisher.cli.errors import Command
from publisher.cli.money import agree, pay_option
from publisher.cli.operator_clients import Letter, OperatorClient
from publisher.cli.options import FilePath, json_option, open_operator, url_option
from publisher.cli.output import console, echo, format_none, moment, visible
from publisher.compose import back_up, open_context
from publisher.purge import Purge, purge_old
from publisher.purge import purge as purge_jobs
from publisher.settings import new_key
from schemas.errors import Conflict, Invalid
from schemas.wire.validation import to_invalid

T = TypeVar("T")


@click.group()
def dead() -> None:
    """List, show, replay and drop dead letters."""


@dead.command("list", cls=Command)
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=100, show_default=True, metavar="N", help="The most to list."
)
@json_option
@url_option
def list_dead_letters_command(limit: int, as_json: bool, url: str | None) -> None:
    """List dead letters, the newest first. With --url, --json prints them without bodies and attributes."""
    dead_letters = asyncio.run(_with_operator(url, lambda client: client.list_letters(limit)))
    if as_json:
        click.echo(json.dumps({"dead_letters": dead_letters}))
        return
    if dead_letters:
        console().print(_table(dead_letters))
    else:
        echo(format_none("dead letters", url or configuration().bus_url))


@dead.command(cls=Command)
@click.argument("letter_id", metavar="ID")
@json_option
@url_option
def show(letter_id: str, as_json: bool, url: str | None) -> None:
    """Show one dead letter. Its body may contain a prompt."""
    shown = asyncio.run(_with_operator(url, lambda client: client.show_letter(letter_id)))
    if as_json:
        click.echo(json.dumps(shown))
        return
    for name, value in shown.items():
        click.echo(f"{name:<13} {visible(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))}")


@dead.command(cls=Command)
@click.argument("letter_id", metavar="ID")
@pay_option
@json_option
@url_option
def replay(letter_id: str, pay: bool, as_json: bool, url: str | None) -> None:
    """Publish a dead letter again. Without --pay the command only shows what it would pay for."""

    async def publish(client: OperatorClient) -> None:
        await agree(lambda payments: client.replay_letter(letter_id, payments), pay=pay)

    asyncio.run(_with_operator(url, publish))
    click.echo(json.dumps({"replayed": letter_id}) if as_json else f"{letter_id} is published again")


@dead.command(cls=Command)
@click.argument("letter_id", metavar="ID")
@json_option
@url_option
def drop(letter_id: str, as_json: bool, url: str | None) -> None:
    """Delete a dead letter. Its job, if it has one, stays unchanged and ends by itself."""
    asyncio.run(_with_operator(url, lambda client: client.drop_letter(letter_id)))
    click.echo(json.dumps({"dropped": letter_id}) if as_json else f"{letter_id} is deleted")


async def _with_operator(url: str | None, use: Callable[[OperatorClient], Awaitable[T]]) -> T:
    async with open_operator(url) as client:
        return await use(client)


def _table(dead_letters: Sequence[Letter]) -> Table:
    table = Table("ID", "DIED", "DELIVERIES", "JOB", "CAUSE", box=None, pad_edge=False, header_style="bold")
    for letter in dead_letters:
        cells = (letter["id"], moment(letter["died_at"]), str(letter["deliveries"]), letter["job_id"] or "-")
        table.add_row(*map(Text, (*cells, letter["cause"])))
    return table


_DAYS_AT_MOST = 36_500


class _Which(TypedDict):
    """The conditions for jobs that are not named by their ids."""

    project_id: str | None
    caller: str | None
    older_than: timedelta | None


class _Age(click.ParamType[timedelta]):
    name = "age"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the age of `30d` or `12h`, or end the command."""
        found = re.fullmatch(r"([0-9]{1,7})([dh])", str(value))
        age = timedelta(**{"days" if found[2] == "d" else "hours": int(found[1])}) if found else timedelta()
        if not timedelta() < age <= timedelta(days=_DAYS_AT_MOST):
            self.fail(f"must be days or hours such as 30d or 12h, at most {_DAYS_AT_MOST}d, not {value!r}", param, ctx)
        return age


@click.command(cls=Command)
@click.argument("job_ids", metavar="[ID]...", nargs=-1)
@click.option(
    "--film", "film_ids", multiple=True, metavar="ID", help="This film, with the jobs of its scenes. May be repeated."
)
@click.option("--project", "project_id", metavar="ID", help="All ended jobs and films of this project.")
@click.option(
    "--caller",
    metavar="NAME",
    help="All ended jobs and films of this caller with a key, or those that are named by its own ids.",
)
@click.option(
    "--older-than", type=_Age(), metavar="AGE", help="All jobs and films that ended so long ago, e.g. 30d or 12h."
)
@click.option("--dry-run", is_flag=True, help="Show what would be erased, and erase nothing.")
@json_option
def purge(
    job_ids: tuple[str, ...], film_ids: tuple[str, ...], as_json: bool, dry_run: bool, **which: Unpack[_Which]
) -> None:
    """Erase prompts, images and videos of ended jobs and films.

    A job's kind, its ending and its cost stay stored, so that a repeat of its request never pays again. Erased data
    can't be restored, and completions that were published before stay published.
    """
    conditions = which["project_id"] or which["older_than"]
    if conditions if job_ids or film_ids else not (conditions or which["caller"]):
        raise Invalid("give either ids of jobs, or --project, --older-than or both, or --caller, or --film")
    report = asyncio.run(_purge(job_ids, film_ids, which, dry_run))
    echo(report.model_dump_json() if as_json else _words(report))
    if job_ids and report.kept:
        raise Conflict(f"{len(report.kept)} of {len(set(job_ids))} jobs can't be erased")
    if film_ids and (report.kept_films or report.kept):
        raise Conflict("not all of these films and their scenes can be erased")


async def _purge(job_ids: tuple[str, ...], film_ids: tuple[str, ...], which: _Which, dry_run: bool) -> Purge:
    async with open_context(configuration(), make=False) as ctx:
        if job_ids or film_ids:
            return await purge_jobs(ctx, job_ids, film_ids=film_ids, caller=which["caller"], dry_run=dry_run)
        return await purge_old(ctx, **which, dry_run=dry_run)


def _words(report: Purge) -> str:
    verb = "would be erased" if report.dry_run else "is erased"
    lines = [f"{job_id} {verb}" for job_id in report.erased]
    lines += [
        f"{job_id}: some of its data could not be read or deleted now; a worker continues"
        for job_id in report.unfinished
    ]
    lines += [f"{kept.job_id} is kept: {kept.reason}" for kept in report.kept]
    lines += [f"film {film_id} {verb}" for film_id in report.erased_films]
    lines += [
        f"film {film_id}: some of its files could not be deleted now; a worker continues"
        for film_id in report.unfinished_films
    ]
    lines += [f"film {kept.film_id} is kept: {kept.reason}" for kept in report.kept_films]
    lines += [
        f"film {film_id} was joined from such a job: generated-videos/film_{film_id}-*.mp4 may still show it; "
        f"reelbus purge --film {film_id} deletes these files"
        for film_id in report.films
    ]
    return "\n".join(lines) or format_none("jobs", configuration().jobs_url)


@click.group()
def key() -> None:
    """Make API keys for callers of a facade."""


@key.command(cls=Command)
@click.argument("name", metavar="NAME")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(SCOPES),
    help="May be repeated. operate sees and changes the jobs of all callers.  [default: submit, read]",
)
@json_option
def new(name: str, scopes: tuple[str, ...], as_json: bool) -> None:
    """Make a key for this caller. It is shown only once; the settings of the facade hold its digest."""
    try:
        secret, known = new_key(name, scopes or USUAL_SCOPES)
    except ValidationError as error:
        raise to_invalid(error) from error
    if as_json:
        click.echo(json.dumps({"key": secret, **known.model_dump()}))
        return
    click.echo(f"Key for {known.name}, shown only now:\n  {secret}\n")
    click.echo("For the facade (one list for all callers):")
    click.echo(f"  REELBUS_API_KEYS='[{known.model_dump_json()}]'")


@click.command(cls=Command)
@click.argument("to", type=FilePath())
@json_option
def backup(to: Path, as_json: bool) -> None:
    """Copy jobs, messages and videos of the embedded default to a new folder TO.

    Services may use the data at the same time. docs/operations.md says how to restore a backup, and which payments a
    restored backup can repeat.
    """
    done = asyncio.run(back_up(configuration(), to.absolute()))
    words = f"{done.jobs} jobs and {done.files} files ({done.bytes:,} bytes) are in {done.folder}"
    echo(json.dumps(asdict(done)) if as_json else words)
