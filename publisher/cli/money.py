"""`reelbus plan` and `spend`, and the agreement that a replay needs before it pays: the commands about money.

`plan` shows clips, time and price of a video that is not made; without `--url` it uses no network and no account.
`spend` sums what the ledgers of all jobs say. `agree` is used by every command that replays: without `--pay` such a
command stops, and lists the clips that it would pay for with their prices.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeVar

import click
from rich.table import Table
from rich.text import Text

from publisher.cli.configuration import configuration
from publisher.cli.errors import BadInput, Command
from publisher.cli.http_operator import HttpOperator
from publisher.cli.operator_clients import Payments
from publisher.cli.options import build_request, json_option, open_facade, open_operator, url_option
from publisher.cli.output import console, echo, format_place
from publisher.compose import open_planner
from publisher.dead_letters import PaymentDue, describe
from publisher.plan import PlanTotals, VideoPlan, add_up
from publisher.spend import Amounts, EvaluationSums, Spend
from schemas.wire.request import VideoRequest

_PROMPT = "A video that is only planned."


@click.command(cls=Command)
@click.option("-d", "--duration", "duration_seconds", metavar="N", help="Whole seconds, 1 to 30.  [default: 5]")
@click.option("-q", "--quality", metavar="fast|quality", help="[default: fast]")
@click.option("--aspect-ratio", metavar="16:9|9:16", help="[default: 16:9]")
@click.option("--resolution", metavar="720p|1080p|4k", help="[default: 720p]")
@click.option(
    "--audio/--no-audio", "generate_audio", default=None, help="Make the video with or without sound.  [default: audio]"
)
@click.option("--model", metavar="NAME", help="A model by its name, instead of the models of --quality.")
@json_option
@url_option
def plan(as_json: bool, url: str | None, **given: object) -> None:
    """Show clips, billed seconds and price of a video, without making it.

    The plan is that of the model in REELBUS_PROVIDER, REELBUS_FAST_MODELS and REELBUS_QUALITY_MODELS. A worker cuts the
    video to the exact length afterwards, which costs nothing. With --url it is the plan of that facade's settings, with
    what is left of the budgets, and why the video would be refused now.
    """
    request = build_request(prompt=_PROMPT, **given)
    if url is None:
        planned = open_planner(configuration())(request)
        totals, notes = add_up(planned, request.duration_seconds), _to_notes(planned.warnings)
    else:
        totals = asyncio.run(_plan(request, url))
        notes = _to_notes(totals.warnings, totals)
    click.echo(totals.model_dump_json() if as_json else _format_plan(totals))
    for note in notes:
        click.echo(note, err=True)


async def _plan(request: VideoRequest, url: str) -> VideoPlan:
    async with open_facade(url) as connection:
        return await HttpOperator(connection).plan(request)


def _to_notes(warnings: Sequence[str], plan: VideoPlan | None = None) -> list[str]:
    """Return what a person should know beside the plan, line by line."""
    notes = [f"warning: {warning}" for warning in warnings]
    if plan and plan.budget_left_usd is not None:
        notes.append(f"budgets: ${plan.budget_left_usd:.2f} left")
    if plan and plan.refusal:
        notes.append(f"refused now: {plan.refusal.message}")
    return [*notes, f"notice: {plan.notice}"] if plan and plan.notice else notes


def _format_plan(totals: PlanTotals) -> str:
    # A price may be a fraction of a cent. All prices have the same digits, so that they add up to the total.
    digits = max(2, *(-int(clip.price_usd.normalize().as_tuple().exponent) for clip in totals.clips))
    lines = []
    for number, clip in enumerate(totals.clips, 1):
        what = f"extends by {clip.seconds:g} s" if clip.extends else f"makes {clip.seconds:g} s"
        lines.append(
            f"{number:<5}  {clip.model}  {what}  {clip.billed_seconds:g} s billed  ${clip.price_usd:.{digits}f}"
        )
    made = totals.duration_seconds + totals.cut_seconds
    if totals.cut_seconds > 0:
        cut = f"to {totals.duration_seconds} s: the last {totals.cut_seconds:g} s of the {made:g} s made are cut off"
    else:
        cut = f"none: {made:g} s are made and delivered"
    minutes, seconds = divmod(math.ceil(totals.expected_s), 60)
    time = " ".join([f"{minutes} min"] * (minutes > 0) + [f"{seconds} s"] * (seconds > 0 or not minutes))
    total = f"total  {totals.billed_seconds:g} s billed  ${totals.price_usd:.{digits}f}"
    return "\n".join((*lines, f"cut    {cut}", f"time   about {time}", total))


_MONEY = ("CHARGED", "UNKNOWN", "RESERVED")


@click.command(cls=Command)
@click.option("--by", metavar="model|project|caller|day|label:KEY", help="Show one line for each of these.")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="Only what was sent on that day or later, in UTC, e.g. 2026-01-31.",
)
@json_option
@url_option
def spend(by: str | None, since: datetime | None, as_json: bool, url: str | None) -> None:
    """Show what was spent, from the ledgers of all jobs.

    The columns are what was charged, what may have been charged, and what clips that are not paid reserve of a budget.
    Calls that scored videos are a line of their own, which no column has.
    The command reads every record of the job store. With --url it asks a facade, which counts from the first of this
    month, or from a day that is at most 92 days ago, and does not group by label.
    """
    spent = asyncio.run(_spend(by, since, url))
    if as_json:
        click.echo(spent.model_dump_json())
        return
    if url and spent.since:
        click.echo(f"since {spent.since}", err=True)
    if spent.total or spent.evaluations.calls:
        console().print(_table(spent))
        if spent.evaluations.calls:
            echo(f"evaluations: {_describe_evaluations(spent.evaluations)}")
    else:
        place = format_place(url or configuration().jobs_url)
        echo(f"Nothing was spent{place}: no paid model was used. The local renderer is free.")


async def _spend(by: str | None, since: datetime | None, url: str | None) -> Spend:
    async with open_operator(url) as client:
        return await client.spend(by, since.date() if since else None)


def _table(spent: Spend) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column((spent.by or "").partition(":")[2] or (spent.by or "").upper())
    for name in ("CLIPS", *_MONEY):
        table.add_column(name, justify="right", no_wrap=True)
    for group in spent.groups:
        table.add_row(*_cells("-" if group.key is None else group.key, group))
    table.add_row(*_cells("total", spent.total))
    return table


def _describe_evaluations(sums: EvaluationSums) -> str:
    words = f"{sums.calls} call{'s' if sums.calls > 1 else ''}, "
    if sums.unpriced_calls == sums.calls:
        return f"{words}price unknown"
    unpriced = f"; price unknown of {sums.unpriced_calls}" if sums.unpriced_calls else ""
    return f"{words}${sums.cost_usd:.3f}{unpriced}"


def _cells(name: str, amounts: Amounts) -> list[Text]:
    money = (amounts.charged_usd, amounts.unknown_usd, amounts.reserved_usd)
    return [Text(name), Text(str(amounts.clips)), *(Text(f"${usd:.3f}") for usd in money)]


T = TypeVar("T")

pay_option = click.option("--pay", is_flag=True, help="Agree to the payments. Without it nothing is paid.")


async def agree(replay: Callable[[Payments], Awaitable[T]], *, pay: bool) -> T:
    """Return what `replay` returns, if it pays for nothing or a person agreed with `pay`.

    The payments are printed on stderr before they are made. Without `pay`, raise `BadInput` that lists them.
    """
    try:
        return await replay(())
    except PaymentDue as due:
        if not pay:
            raise BadInput(f"It would pay {describe(due.payments)}. Nothing was changed; add --pay to agree.") from due
        click.echo(f"It pays {describe(due.payments)}.", err=True)
        return await replay(due.payments)
