"""`reelbus plan`: what a video would cost, before a cent is spent. Without a network, and without an account.

`reelbus spend`: what was spent, from the ledgers.

Asks for `--pay` before a replay pays for anything, and says for what and how much.
"""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import click
from rich.table import Table
from rich.text import Text

from publisher.cli.configuration import configuration
from publisher.cli.errors import BadInput, Command
from publisher.cli.options import build_request, json_option
from publisher.cli.output import console
from publisher.compose import open_context, open_planner
from publisher.dead_letters import Agreement, PaymentDue, Planner, describe
from publisher.spend import Amounts, Spend
from publisher.spend import spend as spend_of
from schemas.domain.clip import Plan, PlannedClip

_PROMPT = "A video whose plan is asked for."


@click.command(cls=Command)
@click.option("-d", "--duration", "duration_seconds", metavar="N", help="Whole seconds, 1 to 30.  [default: 5]")
@click.option("-q", "--quality", metavar="fast|quality", help="[default: fast]")
@click.option("--aspect-ratio", metavar="16:9|9:16", help="[default: 16:9]")
@click.option("--resolution", metavar="720p|1080p|4k", help="[default: 720p]")
@click.option("--audio/--no-audio", "generate_audio", default=None, help="With sound or silent.  [default: audio]")
@click.option("--model", metavar="NAME", help="A model by its name, instead of the one that --quality means.")
@json_option
def plan(as_json: bool, **asked: object) -> None:
    """Show clips, billed seconds and price before a cent is spent.

    Of the model that the settings name: REELBUS_PROVIDER, REELBUS_FAST_MODELS, REELBUS_QUALITY_MODELS. The video is cut
    to the exact length afterwards, which costs nothing.
    """
    request = build_request(prompt=_PROMPT, **asked)
    quote = _Quote(open_planner(configuration())(request), request.duration_seconds)
    click.echo(quote.as_json() if as_json else quote.for_people())
    for warning in quote.plan.warnings:
        click.echo(f"warning: {warning}", err=True)


@dataclass(frozen=True, slots=True)
class _Quote:
    """A plan, and the length that was asked for."""

    plan: Plan
    duration_seconds: int

    @property
    def billed_seconds(self) -> float:
        return sum(clip.billed_seconds for clip in self.plan.clips)

    @property
    def made_seconds(self) -> float:
        return sum(clip.seconds for clip in self.plan.clips)

    @property
    def expected_s(self) -> float:
        """How long the models usually take, one clip after the other."""
        return sum(clip.expected_s for clip in self.plan.clips)

    def as_json(self) -> str:
        return json.dumps(
            {
                "clips": self.plan.model_dump(mode="json")["clips"],
                "billed_seconds": self.billed_seconds,
                "price_usd": float(self.plan.price_usd),
                "duration_seconds": self.duration_seconds,
                "cut_seconds": self.made_seconds - self.duration_seconds,
                "expected_s": self.expected_s,
            }
        )

    def for_people(self) -> str:
        # A price may be a fraction of a cent. With the same digits in all lines they add up to the total.
        prices = [clip.price_usd for clip in self.plan.clips]
        digits = max(2, *(-int(price.normalize().as_tuple().exponent) for price in prices))
        lines = [self._line(number, clip, digits) for number, clip in enumerate(self.plan.clips, 1)]
        total = f"total  {self.billed_seconds:g} s billed  ${self.plan.price_usd:.{digits}f}"
        return "\n".join((*lines, self._cut(), f"time   about {_minutes(self.expected_s)}", total))

    def _line(self, number: int, clip: PlannedClip, digits: int) -> str:
        what = f"extends by {clip.seconds:g} s" if clip.extends else f"makes {clip.seconds:g} s"
        return f"{number:<5}  {clip.model}  {what}  {clip.billed_seconds:g} s billed  ${clip.price_usd:.{digits}f}"

    def _cut(self) -> str:
        over = self.made_seconds - self.duration_seconds
        if over <= 0:
            return f"cut    none: {self.made_seconds:g} s are made and delivered"
        return (
            f"cut    to {self.duration_seconds} s: the last {over:g} s of the {self.made_seconds:g} s made are cut off"
        )


def _minutes(seconds: float) -> str:
    whole = math.ceil(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")


_MONEY = ("CHARGED", "UNKNOWN", "RESERVED")


@click.command(cls=Command)
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
    async with open_context(configuration(), make=False) as desk:
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


T = TypeVar("T")

pay_option = click.option("--pay", is_flag=True, help="Agree to what it pays for. Without this nothing is paid.")


async def agree(plan: Planner, replay: Callable[[Agreement], Awaitable[T]], *, pay: bool) -> T:
    """What `replay` gives. With `pay`, say on stderr what it pays for first; without, raise `BadInput` instead."""
    try:
        return await replay(Agreement(plan=plan))
    except PaymentDue as due:
        if not pay:
            raise BadInput(f"It would pay {describe(due.payments)}. Nothing was changed; add --pay to agree.") from due
        click.echo(f"It pays {describe(due.payments)}.", err=True)
        return await replay(Agreement(plan=plan, payments=due.payments))
