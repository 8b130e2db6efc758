"""`reelbus resolve`: print the evidence about a clip whose charge is unknown, or apply the decision of a person."""

import asyncio
import json

import click

from publisher.cli.errors import Command
from publisher.cli.money import agree
from publisher.cli.operator_clients import ResolvedClip
from publisher.cli.options import json_option, open_operator, url_option
from publisher.cli.output import moment
from publisher.resolve import Attempt, Decision, Evidence, UnresolvedClip
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
@url_option
def resolve(job_id: str, clip: int | None, decisions: tuple[str, ...], as_json: bool, url: str | None) -> None:
    """Resolve a clip whose charge is unknown.

    Without --charged, --not-charged or --resubmit the command prints the evidence, and what each option would do. If a
    video is stored under the clip's prefix, it is used instead of the decision.
    """
    if len(decisions) > 1:
        raise Invalid("only one of --charged, --not-charged and --resubmit can be given")
    if not decisions:
        known = asyncio.run(_evidence(job_id, url))
        click.echo(known.model_dump_json() if as_json else _format_evidence(known))
        return
    done = asyncio.run(_resolve(job_id, Decision(decisions[0]), clip, url))
    click.echo(json.dumps(done.to_json()) if as_json else _format_resolution(done))


async def _evidence(job_id: str, url: str | None) -> Evidence:
    async with open_operator(url) as client:
        return await client.evidence(job_id)


async def _resolve(job_id: str, decision: Decision, clip: int | None, url: str | None) -> ResolvedClip:
    """Apply the decision. `--resubmit` itself agrees to what it pays: a facade is told the amount."""
    async with open_operator(url) as client:
        return await agree(lambda payments: client.resolve(job_id, decision, clip, payments), pay=True)


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


def _format_resolution(done: ResolvedClip) -> str:
    state = f"{done.job_id} is {done.state}, charged: {done.charged}, ${done.cost_usd:.2f}"
    if not done.adopted:
        return state
    used = "`reelbus replay` makes the video from it for free" if done.state.ended else "the job continues with it"
    return f"{state}; {done.adopted} is stored, and {used}"
