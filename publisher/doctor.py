"""Looks at what the settings mean for jobs, for `reelbus doctor`: workers, budgets and webhooks."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from itertools import product

from publisher.worker_watch import SILENT_S, Silence
from schemas.domain.budget import Limit
from schemas.domain.clip import Plan
from schemas.domain.states import JobState
from schemas.errors import Invalid, ReelbusError
from schemas.ports import Heartbeats, JobQuery, JobStore
from schemas.ports.findings import Finding
from schemas.wire.request import Quality, VideoRequest

_START = "start one: reelbus worker, or reelbus up"


def no_jobs_yet() -> Finding:
    """Return the finding for a data folder that no process has made."""
    return Finding.note("worker", "", "none has been seen, and no job was made yet", _START)


async def examine_workers(jobs: JobStore, heartbeats: Heartbeats) -> Finding:
    """Return what is known of the workers. No worker is wrong only if a job waits for one."""
    try:
        last = await heartbeats.last_beat()
        seconds = (last.read_at - last.at).total_seconds() if last else 0.0
        if last and seconds < SILENT_S:
            return Finding.ok("worker", last.owner, f"was seen {seconds:.0f} s ago")
        waiting = await jobs.list(JobQuery(states=frozenset({JobState.QUEUED}), limit=1))
    except ReelbusError as error:
        return Finding.wrong("worker", "", f"can't be looked for: {error}", "see the lines about the database")
    words = Silence(since=last.at if last else None, seconds=seconds).words
    if waiting.jobs:
        return Finding.wrong("worker", "", f"{words}, and jobs wait for one", _START)
    return Finding.note("worker", "", words, _START)


def examine_budgets(limits: Sequence[Limit], plan: Callable[[VideoRequest], Plan]) -> Iterator[Finding]:
    """Look for budgets that no video fits into."""
    cheapest = _find_cheapest(plan) if limits else Decimal(0)
    for limit in limits:
        name = f"{limit.scope} per {limit.period}"
        if limit.limit_usd >= cheapest:
            yield Finding.ok("budget", name, f"${limit.limit_usd:f}")
        elif limit.limit_usd == 0:
            yield Finding.note("budget", name, "is $0: no video that costs something is made")
        else:
            words = f"is ${limit.limit_usd:f}, and the cheapest video costs ${cheapest:f}: none is made"
            yield Finding.wrong(
                "budget", name, words, f"raise its limit_usd in REELBUS_BUDGETS to at least {cheapest:f}"
            )


def _find_cheapest(plan: Callable[[VideoRequest], Plan]) -> Decimal:
    """Return the price of the shortest video of the cheapest model; 0 if none can be planned."""
    prices = list[Decimal]()
    for quality, audio in product(Quality, (True, False)):
        with suppress(Invalid):
            request = VideoRequest(
                job_id="doctor", prompt="A look at prices", duration_seconds=1, quality=quality, generate_audio=audio
            )
            prices.append(plan(request).price_usd)
    return min(prices, default=Decimal(0))


def examine_webhooks(jobs_url: str, secrets: str) -> Iterator[Finding]:
    """Look if webhooks can be signed. An embedded database has a master of its own."""
    if not secrets and not jobs_url.startswith("sqlite:"):
        words = "there are no secrets: a request with a webhook is refused"
        remedy = "set REELBUS_WEBHOOK_SECRETS=whsec_$(openssl rand -base64 32) for facades and workers"
        yield Finding.note("webhooks", "", words, remedy)
