"""What must be true of a film and of its scenes after its director was killed, whatever the point."""

from collections.abc import AsyncIterator, Iterator, Sequence
from decimal import Decimal

from schemas.domain.film import Film, FilmState
from schemas.domain.film_cut import cuts_of, film_name
from schemas.domain.job import Job
from schemas.domain.object_names import FINALS
from schemas.domain.states import JobState
from tests.crash.bill import Bill
from tests.crash.films import wrong_length
from tests.crash.house import House
from tests.crash.leftovers import undelivered, unswept
from tests.crash.verdict import Verdict, about_money


async def judged_film(house: House) -> Verdict:
    """The house after its story: one job a scene, one film, and the ledger to the cent."""
    film, jobs = await house.film(), await house.jobs()
    bills = [Bill.of(house.vertex.books, job, alone=False) for job in jobs]
    orphans = await unswept(house)
    wrong = [
        *[sentence for bill in bills for sentence in about_money(bill)],
        *_about_the_scenes(film, jobs),
        *_about_the_ledger(film, bills, len(house.vertex.books.accepted)),
        *_about_the_end(house, film),
        *_about_the_webhook(house, film),
        *[f"nobody ever cleans {path}" for path in orphans],
        *[f"a message was left behind: {it}" for it in await undelivered(house)],
        *[sentence async for sentence in _about_the_files(house, film)],
    ]
    return Verdict(
        accepted=sum(len(bill.prefixes) for bill in bills),
        duplicates=sum(bill.duplicates for bill in bills),
        lost=sum(bill.lost for bill in bills),
        not_ended=sum(not job.ended for job in jobs) + (not film.state.ended),
        untold=not house.film_ends,
        orphans=len(orphans),
        wrong=tuple(wrong),
    )


def _about_the_scenes(film: Film, jobs: Sequence[Job]) -> Iterator[str]:
    if {job.job_id for job in jobs} != set(film.job_ids) or len(jobs) != len(film.scenes):
        yield f"the jobs are {[job.job_id for job in jobs]}, and the scenes {film.job_ids}"
    for job in jobs:
        if (job.state, job.life) != (JobState.SUCCEEDED, 1):
            yield f"scene {job.job_id} is {job.state} in life {job.life}"
        if job.cost_usd != film.price_of(job.job_id):
            yield f"scene {job.job_id} cost {job.cost_usd}, and was ordered for {film.price_of(job.job_id)}"


def _about_the_ledger(film: Film, bills: Sequence[Bill], accepted: int) -> Iterator[str]:
    spent = sum((bill.job.cost_usd for bill in bills), Decimal(0))
    if spent != sum((scene.price_usd for scene in film.scenes), Decimal(0)):
        yield f"the ledger says {spent}, and the film was ordered for another sum"
    if accepted != sum(len(bill.prefixes) for bill in bills):
        yield f"{accepted} submits were accepted, and the scenes have {sum(len(bill.prefixes) for bill in bills)}"


def _about_the_end(house: House, film: Film) -> Iterator[str]:
    if (film.state, film.request.revision, film.announce_due) != (FilmState.SUCCEEDED, 1, False):
        yield f"the film is {film.state}, {film.failure}"
    ids = {message.attributes["ce-id"] for message in house.film_ends}
    if ids != {f"{film.film_id}.1.film.succeeded"}:
        yield f"the ends' ids are {ids}"
    if len({message.data for message in house.film_ends}) != 1:
        yield "the ends differ"


def _about_the_webhook(house: House, film: Film) -> Iterator[str]:
    """One event. A kill after the request, before its record, repeats it."""
    got = house.receiver.got
    if not 1 <= len(got) <= 2:
        yield f"the receiver got {len(got)} requests"
    ids = {headers["webhook-id"] for headers, _ in got}
    if ids != {f"{film.film_id}-1-film-succeeded"}:
        yield f"the webhook's ids are {ids}"
    if len({body for _, body in got}) != 1:
        yield "the webhook's bytes changed"


async def _about_the_files(house: House, film: Film) -> AsyncIterator[str]:
    names = [file.name for file in await house.desk.videos.list(FINALS) if file.name.startswith(f"{FINALS}film_")]
    wanted = film_name(film, cuts_of(film))
    mine = [name for name in names if film.film_id in name]
    if mine != [wanted] or film.result is None or film.result.gcs_path != wanted:
        yield f"the files of the film are {mine}"
    elif sentence := await wrong_length(house, wanted, 1):
        yield sentence
