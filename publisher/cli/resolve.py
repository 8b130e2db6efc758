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
--charged      the record says charged, and the job fails
--not-charged  the record says not charged, and the clip is sent afresh
--resubmit     the clip is sent again, and may be paid twice"""
_ENDED = """\
--charged      the record says charged; the job stays ended
--not-charged  the record says not charged; the job stays ended
--resubmit     the job lives again and the clip is sent again, and may be paid twice"""


@click.command(cls=Command)
@click.argument("job_id", metavar="ID")
@click.option("--clip", type=click.IntRange(min=0), metavar="N", help="Which clip, where several are in doubt.")
@click.option("--charged", "words", flag_value="charged", multiple=True, help="The model took it and charged for it.")
@click.option("--not-charged", "words", flag_value="not_charged", multiple=True, help="The model never took it.")
@click.option(
    "--resubmit", "words", flag_value="resubmit", multiple=True, help="Send it again, at the risk of a double charge."
)
@json_option
def resolve(job_id: str, clip: int | None, words: tuple[str, ...], as_json: bool) -> None:
    """Say what became of a clip that nobody knows about.

    Without --charged, --not-charged or --resubmit it prints the evidence and what each of them would do. A film that
    lies under the clip's prefix is used instead of anybody's word.
    """
    if len(words) > 1:
        raise Invalid("only one of --charged, --not-charged and --resubmit can be meant")
    if not words:
        known = asyncio.run(_evidence(job_id))
        click.echo(known.model_dump_json() if as_json else _print_outcome(known))
        return
    done = asyncio.run(_resolve(job_id, Decision(words[0]), clip))
    click.echo(json.dumps(_json(done)) if as_json else _said(done))


async def _evidence(job_id: str) -> Evidence:
    async with open_context(configuration(), make=False) as ctx:
        return await evidence(ctx, job_id)


async def _resolve(job_id: str, decision: Decision, clip: int | None) -> Resolution:
    async with open_context(configuration(), make=False) as ctx:
        return await resolve_clip(ctx, job_id, decision, clip=clip)


def _print_outcome(known: Evidence) -> str:
    head = (
        f"{known.job_id} is {known.state} (life {known.life}), charged: {known.charged}, ${known.cost_usd:.2f} so far"
    )
    choices = _ENDED if known.state.ended else _LIVE
    return "\n\n".join([head, *map(_clip, known.doubts), f"In the logs: {known.log}", choices])


def _clip(doubt: UnresolvedClip) -> str:
    rows = {
        "model": f"{doubt.model}, ${doubt.price_usd:.2f}",
        "sent": f"{moment(doubt.sent_at.isoformat()) if doubt.sent_at else '?'} by {doubt.sent_by or '?'}",
        "nonce": doubt.nonce,
        "operation": doubt.operation,
        "cause": doubt.cause,
        "prefix": _attempt(doubt.present) if doubt.present else None,
        "lost": "; ".join(map(_attempt, doubt.lost)),
        "late": ", ".join(doubt.late),
    }
    lines = [f"  {name:<10} {value}" for name, value in rows.items() if value]
    return "\n".join([f"clip {doubt.clip}: {doubt.state}, attempt {doubt.attempt}", *lines])


def _attempt(attempt: Attempt) -> str:
    if attempt.video:
        return f"{attempt.prefix} holds {', '.join(attempt.files)}: it will be used"
    return f"{attempt.prefix} holds {', '.join(attempt.files) or 'nothing'}"


def _said(done: Resolution) -> str:
    job = done.job
    stands = f"{job.job_id} is {job.state}, charged: {job.charged}, ${job.cost_usd:.2f}"
    if not done.adopted:
        return stands
    used = "`reelbus replay` makes the video of it for free" if job.ended else "the job goes on with it"
    return f"{stands}; {done.adopted} was there, and {used}"


def _json(done: Resolution) -> dict[str, object]:
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
