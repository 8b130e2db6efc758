"""The one table of a run: what was done to the house, what it paid, and the zeros."""

from collections import Counter
from collections.abc import Iterator, Mapping

from schemas.domain.job import Job
from tests.chaos.facts import Facts

_TELLING = (
    *("submit_refused", "submit_unknown", "submit_found", "resubmit", "accepted_not_written", "accepted_late"),
    *("clip_withdrawn", "final_adopted", "unavailable", "republished", "dead_letter"),
)
"""Log lines that tell how often the trouble met the paid step, and what the house did about it."""


def table(facts: Facts, faults: Mapping[str, list[str]]) -> str:
    """To be printed."""
    rows = [*_done(facts), *_came_of_it(facts), *((f"= {promise}", len(found)) for promise, found in faults.items())]
    wide = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{wide}}  {count:>6}" for name, count in rows)


def _done(facts: Facts) -> Iterator[tuple[str, int]]:
    yield "jobs", len(facts.orders)
    yield from sorted(facts.done.items())


def _came_of_it(facts: Facts) -> Iterator[tuple[str, int]]:
    charged = [paid for paid in facts.paid if paid.charged]
    yield "submits accepted", len(facts.paid)
    yield "  … given up for want of capacity, not charged", len(facts.paid) - len(charged)
    yield "  … paid again by the caller's own choice", len(charged) - len({paid.clip for paid in charged})
    for state, count in sorted(Counter(_ended_as(job) for job in facts.jobs.values()).items()):
        yield f"jobs {state}", count
    yield "  … succeeded at a later attempt than the first", sum(map(_at_a_later_attempt, facts.jobs.values()))
    yield "  … whose film was stored in the moment in which they were cancelled", _films_of_the_cancelled(facts)
    yield "completions heard", len(facts.told)
    yield "  … repeats with the same id, allowed", len(facts.told) - len({told.event_id for told in facts.told})
    yield from ((f"logged {action}", facts.seen[action]) for action in _TELLING)
    statuses = Counter(answer.status for answer in facts.answers)
    yield from ((f"answers {status}", count) for status, count in sorted(statuses.items()))


def _films_of_the_cancelled(facts: Facts) -> int:
    return sum(job.result is None and job.final_name in facts.finals for job in facts.jobs.values())


def _at_a_later_attempt(job: Job) -> bool:
    return job.result is not None and any(clip.attempt > 1 for clip in job.clips)


def _ended_as(job: Job) -> str:
    return f"{job.state}: {job.failure.code}" if job.failure else str(job.state)
