"""`reelbus dead`: messages that were given up after too many deliveries."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click
from rich.table import Table
from rich.text import Text

from publisher.cli.agreement import agree, pay_option
from publisher.cli.configuration import configuration
from publisher.cli.door_option import json_option
from publisher.cli.exits import Verb
from publisher.cli.facts import moment
from publisher.cli.listing import console
from publisher.compose import open_desk, open_planner
from publisher.dead import drop_dead, list_dead, replay_dead, show_dead
from publisher.desk import Desk
from schemas.kinds import isoformat
from schemas.message import claimed_job_id
from schemas.ports import DeadLetter

T = TypeVar("T")


@click.group()
def dead() -> None:
    """Look at messages that were given up, replay them or drop them."""


@dead.command("list", cls=Verb)
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, metavar="N")
@json_option
def list_letters(limit: int, as_json: bool) -> None:
    """List them, the newest first."""
    letters = _with_desk(lambda desk: list_dead(desk, limit=limit))
    if as_json:
        click.echo(json.dumps({"dead_letters": [_json(letter) for letter in letters]}))
        return
    console().print(_table(letters) if letters else "No dead letters.")


@dead.command(cls=Verb)
@click.argument("letter_id", metavar="ID")
@json_option
def show(letter_id: str, as_json: bool) -> None:
    """Show one of them. Its body may hold a prompt."""
    shown = _json(_with_desk(lambda desk: show_dead(desk, letter_id)))
    if as_json:
        click.echo(json.dumps(shown))
        return
    for name, value in shown.items():
        click.echo(f"{name:<13} {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")


@dead.command(cls=Verb)
@click.argument("letter_id", metavar="ID")
@pay_option
@json_option
def replay(letter_id: str, pay: bool, as_json: bool) -> None:
    """Publish one again. What it would have to pay for is only shown, unless --pay is given."""
    plan = open_planner(configuration())

    async def published(desk: Desk) -> None:
        await agree(plan, lambda agreed: replay_dead(desk, letter_id, agreed=agreed), pay=pay)

    _with_desk(published)
    click.echo(json.dumps({"replayed": letter_id}) if as_json else f"{letter_id} is on its way again")


@dead.command(cls=Verb)
@click.argument("letter_id", metavar="ID")
@json_option
def drop(letter_id: str, as_json: bool) -> None:
    """Throw one away. Its job, where there is one, stays as it is and ends by itself."""
    _with_desk(lambda desk: drop_dead(desk, letter_id))
    click.echo(json.dumps({"dropped": letter_id}) if as_json else f"{letter_id} is dropped")


def _with_desk(use: Callable[[Desk], Awaitable[T]]) -> T:
    async def opened() -> T:
        async with open_desk(configuration(), make=False) as desk:
            return await use(desk)

    return asyncio.run(opened())


def _json(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "job_id": claimed_job_id(letter.message),
        "died_at": isoformat(letter.died_at),
        "cause": letter.cause,
        "deliveries": letter.deliveries,
        "topic": letter.topic,
        "subscription": letter.subscription,
        "attributes": dict(letter.message.attributes),
        "body": _body(letter.message.data),
    }


def _body(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")


def _table(letters: list[DeadLetter]) -> Table:
    table = Table("ID", "DIED", "DELIVERIES", "JOB", "CAUSE", box=None, pad_edge=False, header_style="bold")
    for letter in letters:
        died = moment(isoformat(letter.died_at))
        job_id = claimed_job_id(letter.message) or "-"
        table.add_row(*map(Text, (letter.id, died, str(letter.deliveries), job_id, letter.cause)))
    return table
