"""What must be true of a job after its process was killed, whatever the point."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from schemas.domain.job import Job
from schemas.domain.object_names import FINALS, marker_name
from schemas.domain.states import ClipState, JobState
from schemas.wire.request import OnUnknownSubmit
from tests.crash.bill import Bill
from tests.crash.cases import COURIER
from tests.crash.films import wrong_film
from tests.crash.house import House
from tests.crash.leftovers import undelivered, unswept
from tests.crash.story import Left


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One line of the matrix."""

    killed: bool = True
    accepted: int = 0
    duplicates: int = 0
    lost: int = 0
    not_ended: int = 0
    untold: int = 0
    orphans: int = 0
    wrong: tuple[str, ...] = ()
    """Sentences. None: all is well."""


async def judged(house: House, left: Left) -> Verdict:
    """The house after its story. `left` is what the dead process left behind."""
    job = await house.job()
    if job is None:
        return Verdict(not_ended=1, wrong=("there is no record of the job",))
    bill = Bill.of(house.vertex.books, job)
    orphans = await unswept(house)
    wrong = [
        *about_money(bill),
        *_about_the_end(job, expected_end(left, bill)),
        *_about_completions(house, job),
        *(_about_the_webhook(house, job, left) if house.case.side == COURIER else ()),
        *[f"nobody ever cleans {path}" for path in orphans],
        *[f"a message was left behind: {it}" for it in await undelivered(house)],
        *[sentence async for sentence in _about_the_film(house, job)],
    ]
    return Verdict(
        accepted=len(bill.prefixes),
        duplicates=bill.duplicates,
        lost=bill.lost,
        not_ended=not job.ended,
        untold=not house.heard,
        orphans=len(orphans),
        wrong=tuple(wrong),
    )


def expected_end(left: Left, bill: Bill) -> str:
    """A success, but for a job left in the middle of a submit with its marker stored: where no film turned up it is not
    sent again, unless the request said so."""
    clip = left.job.clip_in(ClipState.SUBMITTING, ClipState.UNKNOWN) if left.job else None
    if left.job is None or clip is None or left.job.request.on_unknown_submit is OnUnknownSubmit.RESUBMIT:
        return JobState.SUCCEEDED
    if marker_name(clip.prefix or "") not in left.marked:
        return JobState.SUCCEEDED
    there = clip.prefix in bill.prefixes and bill.job.clips[clip.index].output
    return JobState.SUCCEEDED if there else "submit_unknown"


def about_money(bill: Bill) -> Iterator[str]:
    """Sentences where a job was paid twice, or its record is not what was paid."""
    if bill.duplicates:
        yield f"{bill.duplicates} submits were paid twice: {bill.prefixes}"
    if bill.lost:
        yield f"{bill.lost} paid clips are not in the record: {bill.prefixes}"
    if sentence := bill.wrong_cost:
        yield sentence


def _about_the_end(job: Job, expected: str) -> Iterator[str]:
    end = job.failure.code if job.failure else job.state
    if end != expected:
        yield f"the job is {end}, not {expected}"
    if job.completion_due:
        yield "the record still owes a completion"


def _about_completions(house: House, job: Job) -> Iterator[str]:
    ids = {message.attributes["ce-id"] for message in house.heard}
    if ids != {f"{job.job_id}.1.{job.state}"}:
        yield f"the completions' ids are {ids}"


def _about_the_webhook(house: House, job: Job, left: Left) -> Iterator[str]:
    """The receiver refused the first request. A kill after another one, before its record, repeats that one."""
    got = house.receiver.got
    if not 2 <= len(got) <= 3:
        yield f"the receiver got {len(got)} requests"
    ids = {headers["webhook-id"] for headers, _ in got}
    if ids != {f"{job.job_id}-1-succeeded"}:
        yield f"the webhook's ids are {ids}"
    if len({body for _, body in got}) != 1:
        yield "the webhook's bytes changed"
    if left.job and left.job.ended and _story_of(left.job) != _story_of(job):
        yield "the job has changed after its end"


def _story_of(job: Job) -> object:
    return job.clips, job.history, job.result, job.life


async def _about_the_film(house: House, job: Job) -> AsyncIterator[str]:
    finals = [file for file in await house.desk.videos.list(FINALS) if f"_{job.job_id}." in file.name]
    names = [file.name for file in finals]
    if names != ([job.final_name] if job.state is JobState.SUCCEEDED else []):
        yield f"the finished files are {names}"
    elif names and (sentence := await wrong_film(house, job)):
        yield sentence
