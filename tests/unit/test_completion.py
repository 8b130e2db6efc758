"""What everybody downstream hears."""

import pytest
from pydantic import ValidationError

from schemas.domain import events as ev
from schemas.domain.job import Job
from schemas.domain.projections import completion_of, progress_of, rejection, timings_of
from schemas.errors import Category
from schemas.wire.completion import Completion, Outcome
from tests.unit.makers import (
    AT,
    NO,
    PRICE,
    RESULT,
    a_job,
    a_plan,
    accepted,
    after,
    done,
    played,
    replayed,
    started,
    stored,
)

URL = "https://example.com/video.mp4"
DENIED = ev.SubmitDenied(at=after(2), nonce="n1", failure=NO)


def seen_at(seconds: float, job: Job) -> Job:
    return job.model_copy(update={"read_at": after(seconds)})


def test_success_names_the_video_its_cost_and_its_times() -> None:
    told = completion_of(played(started(), accepted(), done(), stored(), job=a_job(labels={"a": "b"})), video_url=URL)
    assert told.state is Outcome.SUCCEEDED
    assert (told.gcs_path, told.poster_path, told.video_url) == (RESULT.gcs_path, RESULT.poster_path, URL)
    assert (told.width, told.height, told.duration_seconds) == (1280, 720, 5.0)
    assert (told.model, told.billed_seconds, told.cost_usd) == ("veo-3.1-fast", 4, PRICE)
    assert told.labels == {"a": "b"}
    times = told.timings
    assert (times.created_at, times.submitted_at, times.accepted_at, times.ended_at) == (
        AT,
        after(1),
        after(2),
        after(70),
    )


def test_a_failure_carries_the_words_of_the_record() -> None:
    job = played(started(), DENIED)
    told = completion_of(job, video_url=None)
    assert told.state is Outcome.FAILED
    assert told.error == job.failure
    assert told.gcs_path is None
    assert told.request == job.request


def test_a_running_job_has_no_completion_and_no_end() -> None:
    with pytest.raises(ValueError, match="generating"):
        completion_of(played(started(), accepted()), video_url=None)
    assert timings_of(played(started(), accepted())).ended_at is None


def test_the_event_id_is_the_same_for_a_repeat_and_another_for_another_life() -> None:
    first = completion_of(played(started(), DENIED), video_url=None)
    again = completion_of(played(started(), DENIED), video_url=None)
    second_life = completion_of(played(started(), DENIED, replayed(), started(nonce="n1"), DENIED), video_url=None)
    assert first.event_id == again.event_id == "job-1.1.failed"
    assert second_life.event_id == "job-1.2.failed"


def test_a_rejection_touches_no_job_and_has_an_id_of_its_own() -> None:
    one = rejection("job-1", "prompt is required", field="prompt")
    other = rejection("job-1", "quality must be 'fast' or 'quality'", field="quality")
    assert one.error
    assert (one.error.category, one.error.code, one.error.field) == (
        Category.INVALID_REQUEST,
        "invalid_request",
        "prompt",
    )
    assert one.event_id == rejection("job-1", "prompt is required").event_id
    assert one.event_id != other.event_id
    assert one.event_id.startswith("job-1.rejected.")


def test_an_id_that_stands_for_another_request_is_a_conflict() -> None:
    told = rejection("job-1", "job-1 is another request", conflict=True)
    assert told.error
    assert (told.error.category, told.error.code) == (Category.CONFLICT, "id_reused")


def test_success_without_a_video_and_an_end_without_a_reason_can_not_be_told() -> None:
    with pytest.raises(ValidationError, match="gcs_path is required"):
        Completion(job_id="a", state=Outcome.SUCCEEDED)
    with pytest.raises(ValidationError, match="error is required"):
        Completion(job_id="a", state=Outcome.EXPIRED)


def test_progress_grows_with_the_usual_time_and_is_whole_only_at_the_end() -> None:
    assert progress_of(a_job()) == 0
    assert progress_of(seen_at(1, played(started()))) == 0
    running = played(started(), accepted())
    assert progress_of(seen_at(27, running)) == 0.5
    assert progress_of(seen_at(5000, running)) == 0.95
    assert progress_of(seen_at(0, running)) == 0
    assert progress_of(played(started(), accepted(), done(), stored())) == 1


def test_progress_stands_still_once_the_job_ended() -> None:
    cancelled = played(started(), accepted(), ev.CancelRequested(at=after(27)))
    assert progress_of(seen_at(27, cancelled)) == progress_of(seen_at(5000, cancelled)) == 0.5


def test_progress_counts_the_clips() -> None:
    two = a_plan(PRICE, PRICE)
    assert progress_of(seen_at(60, played(started(two), accepted(), done(0)))) == 0.5


def test_a_clip_that_is_sent_again_begins_at_nothing() -> None:
    failed = ev.ClipFailed(at=after(50), clip=0, failure=NO)
    assert progress_of(seen_at(60, played(started(), accepted(), failed, replayed()))) == 0
