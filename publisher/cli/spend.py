"""`reelbus spend`: what was spent, from the ledgers."""

import asyncio
from datetime import datetime

import click
from rich.table import Table
from rich.text import Text

from publisher.cli.configuration import configuration
from publisher.cli.door_option import json_option
from publisher.cli.exits import Verb
from publisher.cli.listing import console
from publisher.compose import open_desk
from publisher.spend import Amounts, Spend
from publisher.spend import spend as spend_of

_MONEY = ("CHARGED", "UNKNOWN", "RESERVED")


@click.command(cls=Verb)
@click.option("--by", metavar="model|project|day|label:KEY", help="One line for each.")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="Only what was sent on that day or later, in UTC, e.g. 2026-01-31.",
)
@json_option
def spend(by: str | None, since: datetime | None, as_json: bool) -> None:
    """Show what was spent, from the ledgers.

    Charged, perhaps charged, and held back of a budget by clips that are not paid. Reads every record of the job store.
    """
    found = asyncio.run(_spend(by, since))
    if as_json:
        click.echo(found.model_dump_json())
    elif found.total:
        console().print(_table(found))
    else:
        click.echo("Nothing was spent: no paid model was asked. The local renderer is free.")


async def _spend(by: str | None, since: datetime | None) -> Spend:
    async with open_desk(configuration(), make=False) as desk:
        return await spend_of(desk, by=by, since=since.date() if since else None)


def _table(found: Spend) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column((found.by or "").partition(":")[2] or (found.by or "").upper())
    for name in ("CLIPS", *_MONEY):
        table.add_column(name, justify="right", no_wrap=True)
    for group in found.groups:
        table.add_row(*_cells("-" if group.key is None else group.key, group))
    table.add_row(*_cells("total", found.total))
    return table


def _cells(name: str, amounts: Amounts) -> list[Text]:
    money = (amounts.charged_usd, amounts.unknown_usd, amounts.reserved_usd)
    return [Text(name), Text(str(amounts.clips)), *(Text(f"${usd:.3f}") for usd in money)]
