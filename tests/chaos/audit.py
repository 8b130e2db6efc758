"""From the facts of a run to what is wrong with it. Pure; a promise that was kept has an empty list."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping

from schemas.domain.job import Job
from schemas.domain.states import ClipState, JobState
from schemas.errors import Charged
from tests.chaos.facts import Answer, Facts, Paid

_DOCUMENTED = frozenset({503, 504})
_INTERNAL = "internal_error"
_ONE_FRAME_S = 1 / 24
Faults = Iterator[str]


def audit(facts: Facts) -> Mapping[str, list[str]]:
    """For each promise the ids of those to whom it was not kept, with what is known about it."""
    return {promise: sorted(check(facts)) for promise, check in _CHECKS.items()}


def _duplicate_submits(facts: Facts) -> Faults:
    """Two charged operations for one planned clip, without its caller's leave; or two for one attempt, with it."""
    for (job_id, index), names in _charged(facts).items():
        if len(names) > 1 and job_id not in _careless(facts):
            yield f"{job_id}: clip {index} was accepted {len(names)} times: {', '.join(names)}"
    for prefix, count in Counter(paid.prefix for paid in facts.paid).items():
        if count > 1:
            yield f"{prefix}: one attempt was accepted {count} times"


def _charged(facts: Facts) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for paid in facts.paid:
        if paid.charged:
            found[paid.clip].append(paid.name)
    return found


def _careless(facts: Facts) -> set[str]:
    return {order.request.job_id for order in facts.orders if order.may_be_paid_twice}


def _lost_paid_clips(facts: Facts) -> Faults:
    for paid in facts.paid:
        job = facts.jobs.get(paid.clip[0])
        if paid.charged and not (job and _is_known(paid, job, facts)):
            yield f"{paid.clip[0]}: {paid.name} under {paid.prefix} is in no video and in no record"


def _is_known(paid: Paid, job: Job, facts: Facts) -> bool:
    """In the finished video; or in the record, as charged, late, or perhaps charged."""
    clip = next((each for each in job.clips if str(each.index) == paid.clip[1]), None)
    if clip is None:
        return False
    if paid.prefix in clip.lost_prefixes or any(_names(late, paid) for late in clip.late):
        return True
    if clip.prefix != paid.prefix:
        return False
    if job.state is JobState.SUCCEEDED:
        stored = job.result is not None and job.result.gcs_path in facts.finals
        return stored and clip.state is ClipState.DONE and (clip.output or "").startswith(paid.prefix)
    return clip.charged is not Charged.NO and job.charged is not Charged.NO


def _names(late: str, paid: Paid) -> bool:
    return late.startswith(paid.prefix) or late.rpartition("/")[2] == paid.name.rpartition("/")[2]


def _not_ended(facts: Facts) -> Faults:
    for order in facts.orders:
        job = facts.jobs.get(order.request.job_id)
        if job is None:
            yield f"{order.request.job_id}: was never recorded"
        elif not job.ended:
            yield f"{job.job_id}: {job.state}, waits for {job.waiting_for}"


def _missing_completions(facts: Facts) -> Faults:
    told = {(each.job_id, each.life, each.state) for each in facts.told}
    for job in facts.jobs.values():
        if job.ended and (job.job_id, job.life, str(job.state)) not in told:
            yield f"{job.job_id}: {job.state} in life {job.life}, and nobody was told"


def _contradicting_completions(facts: Facts) -> Faults:
    """One end has one id, and says what the record says."""
    ids: dict[tuple[str, int], set[str]] = defaultdict(set)
    for each in facts.told:
        ids[each.job_id, each.life].add(each.event_id)
        job = facts.jobs.get(each.job_id)
        if job is None or (each.life == job.life and each.state != job.state):
            yield f"{each.job_id}: told {each.state}, but the record says {job and job.state}"
    for (job_id, life), found in ids.items():
        if len(found) > 1:
            yield f"{job_id}: life {life} ended as {', '.join(sorted(found))}"


def _orphans(facts: Facts) -> Faults:
    """Files that no record leads to. A film that was put there in the moment in which its job was cancelled is none:
    its name follows from the record, and erasing the job erases it."""
    known = {name for job in facts.jobs.values() for name in (job.final_name, job.poster_name)}
    yield from (f"{name}: it is no job's" for name in (*facts.finals, *facts.posters) if name not in known)
    yield from (f"{name}: there is no such job" for name in facts.work if name.split("/")[1] not in facts.jobs)
    yield from (f"{name}: would lie there for ever" for name in facts.leftovers)


def _broken_finals(facts: Facts) -> Faults:
    for job in facts.jobs.values():
        if job.result and abs(facts.finals.get(job.result.gcs_path, 0) - job.request.duration_seconds) > _ONE_FRAME_S:
            lasts = facts.finals.get(job.result.gcs_path)
            yield f"{job.job_id}: {job.result.gcs_path} lasts {lasts}, not {job.request.duration_seconds} s"


def _undocumented_answers(facts: Facts) -> Faults:
    yield from (f"{each.job_id}: HTTP {each.status} {each.code}" for each in facts.answers if not _is_documented(each))


def _is_documented(answer: Answer) -> bool:
    """500 is how the failure of a job itself is answered, with that failure's code."""
    told = answer.status == 500 and answer.code not in ("", _INTERNAL)
    return answer.status < 500 or answer.status in _DOCUMENTED or told


_CHECKS: Mapping[str, Callable[[Facts], Faults]] = {
    "duplicate submits": _duplicate_submits,
    "lost paid clips": _lost_paid_clips,
    "jobs not ended": _not_ended,
    "completions missing": _missing_completions,
    "completions repeated otherwise": _contradicting_completions,
    "finals of a wrong length": _broken_finals,
    "orphan files": _orphans,
    "undocumented answers": _undocumented_answers,
    "processes that crashed": lambda facts: iter(facts.crashes),
    "unforeseen errors in the logs": lambda facts: iter(facts.complaints),
}
"""The zeros."""
