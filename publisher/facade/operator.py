"""The calls of an operator: dead letters, decisions about doubtful clips, erasing, trouble and health; and replays.

A call that pays needs `pay`, the amount that the quote shows. Without it the answer is 402 with the payments.
"""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from publisher.access import find_for, view_for
from publisher.dead_letters import delete_dead_letter, list_dead_letters, show_dead_letter
from publisher.facade.call import Call
from publisher.facade.errors import public_outline
from publisher.facade.json_body import (
    DeadLetterReplayRequest,
    EraseRequest,
    ReplayRequest,
    ResolveRequest,
    read_body,
)
from publisher.facade.middleware import access_of, traceparent_of
from publisher.facade.responses import json_response
from publisher.facade.routes import check_parameters, whole_number
from publisher.health import Health, look_at_health
from publisher.plan import VideoPlan
from publisher.purge import Purge, purge
from publisher.replays import Quote, quote, quote_dead_letter, replay_dead_letter_paid, replay_paid, resolve_paid
from publisher.resolve import Evidence, evidence
from publisher.spend_report import SpendReport
from publisher.trouble import DeadLetterView, Trouble, find_trouble, to_dead_letter_view
from schemas.domain.projections import JobView
from schemas.domain.tombstone import erasure_blocker
from schemas.errors import Invalid

_LETTERS_AT_MOST = 1000
_BODY_BYTES = 100_000
"""A letter may hold an image of megabytes."""


class DeadLetters(BaseModel):
    """Dead letters, the newest first."""

    model_config = ConfigDict(frozen=True)

    dead_letters: list[DeadLetterView]


class DeadLetterDetail(DeadLetterView):
    """A dead letter with its body, and what its replay would pay for."""

    attributes: dict[str, str]
    body: Any = Field(description="The JSON that it holds, or its text; null if it has more than 100,000 bytes.")
    replay: Quote


class DeadLetterDone(BaseModel):
    """The dead letter that was replayed or deleted."""

    model_config = ConfigDict(frozen=True)

    replayed: str | None = None
    dropped: str | None = None


class Resolved(BaseModel):
    """The job after a decision."""

    model_config = ConfigDict(frozen=True)

    job: JobView
    clip: int
    adopted: str | None = Field(description="The video that was found and is used instead of the decision.")


class ErasePreview(BaseModel):
    """Whether the job can be erased now."""

    model_config = ConfigDict(frozen=True)

    may_erase: bool
    why_not: str | None


ANSWERS = (
    VideoPlan,
    SpendReport,
    Quote,
    Evidence,
    Resolved,
    ErasePreview,
    Purge,
    DeadLetters,
    DeadLetterDetail,
    DeadLetterDone,
    Trouble,
    Health,
)
"""What these calls and those of `publisher.facade.money` answer."""


async def replay(call: Call) -> Response:
    """Say what a replay of the job would pay for, or replay it."""
    ctx, access = call.state["ctx"], access_of(call)
    access.check("submit", "operate")
    job = await find_for(ctx, access, call.path_params["video_id"])
    if call.method != "POST":
        return json_response(quote(ctx, job))
    wanted = await read_body(call, ReplayRequest)
    job = await replay_paid(ctx, job, life=wanted.life, pay=wanted.pay, traceparent=traceparent_of(call))
    return json_response(await view_for(ctx, access, job))


async def resolve(call: Call) -> Response:
    """Show the evidence about doubtful clips, or apply a decision."""
    ctx, access = call.state["ctx"], access_of(call)
    access.check("operate")
    job = await find_for(ctx, access, call.path_params["video_id"])
    if call.method != "POST":
        return json_response(await evidence(ctx, job.job_id))
    wanted = await read_body(call, ResolveRequest)
    done = await resolve_paid(ctx, job, wanted.decision, clip=wanted.clip, attempt=wanted.attempt, pay=wanted.pay)
    return json_response(Resolved(job=await view_for(ctx, access, done.job), clip=done.clip, adopted=done.adopted))


async def erase(call: Call) -> Response:
    """Say whether the job can be erased, or erase it."""
    ctx, access = call.state["ctx"], access_of(call)
    access.check("operate")
    job = await find_for(ctx, access, call.path_params["video_id"])
    if call.method != "POST":
        reason = None if job.erased_at else erasure_blocker(job, ctx.clock.now())
        return json_response(ErasePreview(may_erase=reason is None, why_not=reason))
    await read_body(call, EraseRequest)
    report = await purge(ctx, [job.job_id])
    if report.kept:
        raise Invalid(report.kept[0].reason, field="video_id")
    return json_response(report)


async def dead_letters(call: Call) -> Response:
    """List dead letters, without their bodies."""
    access_of(call).check("operate")
    check_parameters(call, ("limit",))
    limit = whole_number(call, "limit", 1, _LETTERS_AT_MOST, default=100)
    letters = await list_dead_letters(call.state["ctx"], limit=limit)
    return json_response(DeadLetters(dead_letters=list(map(to_dead_letter_view, letters))))


async def dead_letter(call: Call) -> Response:
    """Show a dead letter, or delete it."""
    ctx, letter_id = call.state["ctx"], call.path_params["letter_id"]
    access_of(call).check("operate")
    if call.method == "DELETE":
        await delete_dead_letter(ctx, letter_id)
        return json_response(DeadLetterDone(dropped=letter_id))
    letter = await show_dead_letter(ctx, letter_id)
    data = letter.message.data
    return json_response(
        DeadLetterDetail(
            **dict(to_dead_letter_view(letter)),
            attributes=dict(letter.message.attributes),
            body=_parse_body(data) if len(data) <= _BODY_BYTES else None,
            replay=await quote_dead_letter(ctx, letter),
        )
    )


async def replay_letter(call: Call) -> Response:
    """Publish a dead letter again."""
    letter_id = call.path_params["letter_id"]
    access_of(call).check("operate")
    wanted = await read_body(call, DeadLetterReplayRequest)
    await replay_dead_letter_paid(call.state["ctx"], letter_id, pay=wanted.pay)
    return json_response(DeadLetterDone(replayed=letter_id))


async def trouble(call: Call) -> Response:
    """Answer with what an operator has to look at."""
    access_of(call).check("operate")
    found = await find_trouble(call.state["ctx"])
    return json_response(found.model_copy(update={"films": list(map(public_outline, found.films))}))


async def health(call: Call) -> Response:
    """Answer with counts, backlog and workers."""
    access_of(call).check("operate")
    return json_response(await look_at_health(call.state["ctx"]))


def _parse_body(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return data.decode(errors="replace")
