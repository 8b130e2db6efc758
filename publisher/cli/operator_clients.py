"""`OperatorClient`: what `replay`, `resolve`, `dead` and `spend` need. `LocalOperator` works on the stores.

`HttpOperator` in `publisher.cli.http_operator` calls a facade.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

from publisher.context import PublisherContext, find, view
from publisher.dead_letters import (
    Agreement,
    Payment,
    delete_dead_letter,
    list_dead_letters,
    replay,
    replay_dead_letter,
    show_dead_letter,
)
from publisher.resolve import Decision, Evidence, evidence, resolve
from publisher.spend import Spend, spend
from schemas.domain.projections import JobView
from schemas.domain.states import JobState
from schemas.errors import Charged
from schemas.ports import DeadLetter
from schemas.wire.message import job_id_of
from schemas.wire.types import isoformat

Letter = Mapping[str, Any]
"""A dead letter as `--json` prints it."""
Payments = tuple[Payment, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolvedClip:
    """The job after a decision about one of its clips."""

    job_id: str
    clip: int
    state: JobState
    life: int
    charged: Charged
    cost_usd: Decimal
    adopted: str | None
    """The video that was found and used instead of the decision."""

    def to_json(self) -> dict[str, object]:
        """Return the fields for `--json`."""
        return {**asdict(self), "cost_usd": float(self.cost_usd)}


class OperatorClient(Protocol):
    """What an operator's commands do.

    All methods raise `Unavailable` if the facade or the stores do not answer. What replays or sends again gets the
    payments that a person agreed to, and raises `PaymentDue` if it would make others.
    """

    async def replay(self, job_id: str, payments: Payments) -> tuple[JobView, bool]:
        """Replay the job. Return it, and whether it began a new life. Raises `NotFound` and `Invalid`."""

    async def evidence(self, job_id: str) -> Evidence:
        """Return what is known about the unresolved clips. Raises `NotFound` and `Invalid`."""

    async def resolve(self, job_id: str, decision: Decision, clip: int | None, payments: Payments) -> ResolvedClip:
        """Apply a decision. Raises `NotFound`, `Invalid` and `Conflict`."""

    async def list_letters(self, limit: int) -> Sequence[Letter]:
        """Return dead letters, the newest first."""

    async def show_letter(self, letter_id: str) -> Letter:
        """Return one dead letter with its body. Raises `NotFound`."""

    async def replay_letter(self, letter_id: str, payments: Payments) -> None:
        """Publish a dead letter again. Raises `NotFound` and `Invalid`."""

    async def drop_letter(self, letter_id: str) -> None:
        """Delete a dead letter. Raises `NotFound`."""

    async def spend(self, by: str | None, since: date | None) -> Spend:
        """Return what was spent. Raises `Invalid` for a `by` or a `since` that can't be answered."""


class LocalOperator:
    """Calls the use cases in this process."""

    def __init__(self, ctx: PublisherContext) -> None:
        self._ctx = ctx

    async def replay(self, job_id: str, payments: Payments) -> tuple[JobView, bool]:
        """Queue the job again, and publish its request."""
        before = await find(self._ctx, job_id)
        job = await replay(self._ctx, job_id, agreed=self._agree_to(payments))
        return await view(self._ctx, job), job.life != before.life

    async def evidence(self, job_id: str) -> Evidence:
        """Read the record, and list the files of its attempts."""
        return await evidence(self._ctx, job_id)

    async def resolve(self, job_id: str, decision: Decision, clip: int | None, payments: Payments) -> ResolvedClip:
        """Change the record. The payments of `--resubmit` are not checked: the option itself agrees to them."""
        done = await resolve(self._ctx, job_id, decision, clip=clip)
        job = done.job
        return ResolvedClip(
            job_id=job.job_id,
            clip=done.clip,
            state=job.state,
            life=job.life,
            charged=job.charged,
            cost_usd=job.cost_usd,
            adopted=done.adopted,
        )

    async def list_letters(self, limit: int) -> Sequence[Letter]:
        """Read them from the bus, with their bodies."""
        return list(map(_to_json, await list_dead_letters(self._ctx, limit=limit)))

    async def show_letter(self, letter_id: str) -> Letter:
        """Read it from the bus."""
        return _to_json(await show_dead_letter(self._ctx, letter_id))

    async def replay_letter(self, letter_id: str, payments: Payments) -> None:
        """Publish it, and replay its job if that has ended without a video."""
        await replay_dead_letter(self._ctx, letter_id, agreed=self._agree_to(payments))

    async def drop_letter(self, letter_id: str) -> None:
        """Delete it from the bus."""
        await delete_dead_letter(self._ctx, letter_id)

    async def spend(self, by: str | None, since: date | None) -> Spend:
        """Read every record of a paid model."""
        return await spend(self._ctx, by=by, since=since)

    def _agree_to(self, payments: Payments) -> Agreement:
        return Agreement(plan=self._ctx.planner, payments=payments)


def _to_json(dead_letter: DeadLetter) -> Letter:
    return {
        "id": dead_letter.id,
        "job_id": job_id_of(dead_letter.message),
        "died_at": isoformat(dead_letter.died_at),
        "cause": dead_letter.cause,
        "deliveries": dead_letter.deliveries,
        "topic": dead_letter.topic,
        "subscription": dead_letter.subscription,
        "attributes": dict(dead_letter.message.attributes),
        "body": _body(dead_letter.message.data),
    }


def _body(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")
