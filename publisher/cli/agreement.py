"""Asks for `--pay` before a replay pays for anything, and says for what and how much."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

from publisher.cli.exits import BadInput
from publisher.payment import Planner, describe
from publisher.replay import Agreement, PaymentDue

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
