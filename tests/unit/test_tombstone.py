"""What stays of an erased job, and what goes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from schemas.domain import events as ev
from schemas.domain.budget import Limit, Period
from schemas.domain.job import LATE_RESULT_WINDOW, Job
from schemas.domain.state_machine import advance
from schemas.domain.states import ClipState, JobState
from schemas.domain.tombstone import ERASED_PROMPT, erasure_blocker
from schemas.errors import Category, Charged, Failure, ImpossibleStep
from tests.unit.makers import (
    PRICE,
    a_job,
    accepted,
    after,
    done,
    judged,
    lost,
    played,
    replayed,
    started,
    stored,
    wished,
)

SECRET = "a secret harbour at dawn"
ECHO = Failure(
    category=Category.SAFETY_FILTER,
    code="safety_filter",
    message=f"Refused: {SECRET}",
    field=SECRET,
    charged=Charged.NO,
)


def _asked() -> Job:
    return a_job(
        scene={"title": SECRET, "description": SECRET},
        negative_prompt=SECRET,
        style=SECRET,
        labels={"team": "asecretharbour"},
        project_id="spring",
        duration_seconds=7,
        quality="quality",
    )


def _erased(job: Job, at: float = 5000) -> Job:
    return advance(job, ev.Erased(at=after(at)))


def _announced(job: Job) -> Job:
    return advance(job, ev.Announced(at=after(900)))


def test_a_label_goes_from_what_was_reserved_as_well_and_the_amount_stays() -> None:
    scopes = ("all", "project:spring", "label:team=asecretharbour")
    parts = tuple(
        Limit(scope=scope, period=Period.DAY, limit_usd=PRICE).to_reserved(after(0), 3, PRICE) for scope in scopes
    )
    sent = played(replace(started(), reserved=parts), accepted(), done(), stored(), job=_asked())
    erased = _erased(sent)
    assert "asecretharbour" not in erased.model_dump_json()
    assert [part.scope for part in erased.clips[0].reserved] == ["all", "project:spring", "label"]
    assert [(part.period, part.usd) for part in erased.clips[0].reserved] == [(each.period, PRICE) for each in parts]


def test_what_the_job_was_how_it_ended_and_what_it_cost_stays() -> None:
    before = played(started(), accepted(), done(), stored(), job=_asked())
    after_it = _erased(before)
    kept = ("job_id", "life", "fingerprint", "state", "created_at", "history", "result", "cost_usd", "charged")
    assert [getattr(after_it, name) for name in kept] == [getattr(before, name) for name in kept]
    assert (after_it.final_name, after_it.poster_name) == (before.final_name, before.poster_name)
    asked = after_it.request
    assert (asked.duration_seconds, asked.quality, asked.project_id) == (7, "quality", "spring")
    assert (asked.prompt, asked.labels) == (ERASED_PROMPT, {})


@pytest.mark.parametrize(
    "job",
    [
        played(started(), accepted(), done(), stored(), job=_asked()),
        played(started(), ev.SubmitDenied(at=after(2), nonce="n1", failure=ECHO), job=_asked()),
        played(started(), accepted(), ev.ClipFailed(at=after(2), clip=0, failure=ECHO), job=_asked()),
        _announced(played(wished(SECRET), job=_asked())),
        _announced(
            played(started(), lost(), wished(SECRET), ev.Resubmit(at=after(4), clip=0, held=False), job=_asked())
        ),
    ],
    ids=["succeeded", "denied", "broken", "cancelled", "cancelled late"],
)
def test_no_word_of_the_caller_is_left(job: Job) -> None:
    erased = advance(job, ev.Erased(at=after(5000) + LATE_RESULT_WINDOW))
    written = erased.model_dump_json()
    assert "secret" in job.model_dump_json()
    assert "secret" not in written
    assert Job.model_validate_json(written) == erased
    if job.failure:
        assert erased.failure
        assert (erased.failure.code, erased.failure.charged) == (job.failure.code, job.failure.charged)


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (played(started(), accepted()), "has not ended (generating)"),
        (played(wished()), "is not announced yet"),
        (played(started(), lost(), judged()), "may still appear until 2026-02-01T12:10:00.000Z"),
    ],
)
def test_a_job_with_something_left_to_happen_is_kept(job: Job, words: str) -> None:
    assert words in (erasure_blocker(job, after(5000)) or "")
    with pytest.raises(ImpossibleStep):
        _erased(job)


def test_a_clip_that_never_turned_up_keeps_its_job_for_a_day_only() -> None:
    job = played(started(), lost(), judged())
    erased = advance(job, ev.Erased(at=after(600) + LATE_RESULT_WINDOW))
    assert (erased.charged, erased.clips[0].is_in_doubt) == (Charged.UNKNOWN, True)


def test_it_never_lives_again_and_nobody_comes_back_to_it() -> None:
    erased = _erased(played(started(), ev.SubmitDenied(at=after(2), nonce="n1", failure=ECHO)))
    with pytest.raises(ImpossibleStep):
        advance(erased, replayed())
    assert advance(erased, ev.WaitEnded(at=after(6000), until=after(7000))) is erased
    assert advance(erased, ev.CancelRequested(at=after(6000))) is erased
    assert advance(erased, ev.Erased(at=after(6000))) is erased


def test_an_old_job_is_swept_once() -> None:
    erased = advance(played(started(), accepted(), done(), stored()), ev.Erased(at=after(70) + LATE_RESULT_WINDOW))
    assert erased.next_check_at == erased.erased_at + timedelta(minutes=1)  # type: ignore[operator]
    swept = advance(erased, ev.FilesDeleted(at=after(71) + LATE_RESULT_WINDOW))
    assert (swept.sweep_until, swept.next_check_at) == (None, None)


def test_a_young_job_is_swept_again_and_again_for_a_day_since_films_may_come_late() -> None:
    job = _announced(played(started(), accepted(), wished()))
    job = _erased(job, 1000)
    looks = 0
    at = after(1001)
    while job.next_check_at:
        job = advance(advance(job, ev.Reconciled(at=at)), ev.FilesDeleted(at=at))
        looks, at = looks + 1, job.next_check_at or at
    assert 5 < looks < 12
    assert at > after(3) + LATE_RESULT_WINDOW


def test_the_name_of_its_image_stays_until_that_is_deleted() -> None:
    image = f"reelbus:references/{'a' * 64}.png"
    erased = _erased(played(started(), accepted(), done(), stored(), job=a_job(reference_image=image)))
    assert erased.request.reference_image == image
    assert advance(erased, ev.FilesDeleted(at=after(5001))).request.reference_image is None


def test_an_operation_that_turns_up_afterwards_is_charged_and_its_file_swept() -> None:
    erased = advance(played(started(), lost(), judged()), ev.Erased(at=after(600) + LATE_RESULT_WINDOW))
    swept = advance(erased, ev.FilesDeleted(at=after(601) + LATE_RESULT_WINDOW))
    at = after(700) + LATE_RESULT_WINDOW
    charged = advance(swept, ev.AcceptedLate(at=at, clip=0, nonce="n1", operation="op-9"))
    assert (charged.state, charged.clips[0].state, charged.cost_usd) == (JobState.FAILED, ClipState.LATE, PRICE)
    assert (charged.sweep_until, charged.next_check_at) == (at + LATE_RESULT_WINDOW, at + timedelta(minutes=1))


def test_only_an_erased_job_is_swept() -> None:
    with pytest.raises(ImpossibleStep):
        advance(played(wished()), ev.FilesDeleted(at=after(5000)))
