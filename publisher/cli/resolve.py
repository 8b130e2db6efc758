"""`reelbus resolve`: print the evidence about a clip whose charge is unknown, or apply the decision of a person."""

import asyncio
import json

import click

from publisher.cli.configuration import configuration
from publisher.cli.errors import Command
from publisher.cli.options import json_option
from publisher.cli.output import moment
from publisher.compose import open_context
from publisher.resolve import Attempt, Decision, Evidence, Resolution, UnresolvedClip, evidence
from publisher.resolve import resolve as resolve_clip
from schemas.errors import Invalid

_LIVE = """\
--charged      the clip is recorded as charged, and the job fails
--not-charged  the clip is recorded as not charged, and is sent again
--resubmit     the clip is sent again, and may be paid twice"""
_ENDED = """\
--charged      the clip is recorded as charged; the job stays ended
--not-charged  the clip is recorded as not charged; the job stays ended
--resubmit     the job is queued again and the clip is sent again, and may be paid twice"""


@click.command(cls=Command)
@click.argument("job_id", metavar="ID")
@click.option("--clip", type=click.IntRange(min=0), metavar="N", help="Which clip, if several are in unresolved.")
@click.option(
    "--charged",
    "decisions",
    flag_value="charged",
    multiple=True,
    help="The model accepted the clip and charged for it.",
)
@click.option(
    "--not-charged", "decisions", flag_value="not_charged", multiple=True, help="The model never accepted the clip."
)
@click.option(
    "--resubmit", "decisions", flag_value="resubmit", multiple=True, help="Send the clip again; it may be paid twice."
)
@json_option
def resolve(job_id: str, clip: int | None, decisions: tuple[str, ...], as_json: bool) -> None:
    """Resolve a clip whose charge is unknown.

    Without --charged, --not-charged or --resubmit the command prints the evidence, and what each option would do. If a
    video is stored under the clip's prefix, it is used instead of the decision.
    """
    if len(decisions) > 1:
        raise Invalid("only one of --charged, --not-charged and --resubmit can be given")
    if not decisions:
        known = asyncio.run(_evidence(job_id))
        click.echo(known.model_dump_json() if as_json else _format_evidence(known))
        return
    done = asyncio.run(_resolve(job_id, Decision(decisions[0]), clip))
    click.echo(json.dumps(_to_json(done)) if as_json else _format_resolution(done))


async def _evidence(job_id: str) -> Evidence:
    async with open_context(configuration(), make=False) as ctx:
        return await evidence(ctx, job_id)


async def _resolve(job_id: str, decision: Decision, clip: int | None) -> Resolution:
    async with open_context(configuration(), make=False) as ctx:
        return await resolve_clip(ctx, job_id, decision, clip=clip)


def _format_evidence(known: Evidence) -> str:
    head = (
        f"{known.job_id} is {known.state} (life {known.life}), charged: {known.charged}, ${known.cost_usd:.2f} so far"
    )
    choices = _ENDED if known.state.ended else _LIVE
    return "\n\n".join([head, *map(_format_clip, known.doubts), f"In the logs: {known.log}", choices])


def _format_clip(unresolved: UnresolvedClip) -> str:
    sent_at = moment(unresolved.sent_at.isoformat()) if unresolved.sent_at else "?"
    rows = {
        "model": f"{unresolved.model}, ${unresolved.price_usd:.2f}",
        "sent": f"{sent_at} by {unresolved.sent_by or '?'}",
        "nonce": unresolved.nonce,
        "operation": unresolved.operation,
        "cause": unresolved.cause,
        "prefix": _format_attempt(unresolved.present) if unresolved.present else None,
        "lost": "; ".join(map(_format_attempt, unresolved.lost)),
        "late": ", ".join(unresolved.late),
    }
    lines = [f"  {name:<10} {value}" for name, value in rows.items() if value]
    return "\n".join([f"clip {unresolved.clip}: {unresolved.state}, attempt {unresolved.attempt}", *lines])


def _format_attempt(attempt: Attempt) -> str:
    if attempt.video:
        return f"{attempt.prefix} holds {', '.join(attempt.files)}: it will be used"
    return f"{attempt.prefix} holds {', '.join(attempt.files) or 'nothing'}"


def _format_resolution(done: Resolution) -> str:
    job = done.job
    state = f"{job.job_id} is {job.state}, charged: {job.charged}, ${job.cost_usd:.2f}"
    if not done.adopted:
        return state
    used = "`reelbus replay` makes the video from it for free" if job.ended else "the job continues with it"
    return f"{state}; {done.adopted} is stored, and {used}"


def _to_json(done: Resolution) -> dict[str, object]:
    job = done.job
    return {
        "job_id": job.job_id,
        "clip": done.clip,
        "state": job.state,
        "life": job.life,
        "charged": job.charged,
        "cost_usd": float(job.cost_usd),
        "adopted": done.adopted,
    }
