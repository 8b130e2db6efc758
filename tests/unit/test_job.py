"""The record and its ledger, read."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from pydantic import ValidationError

from schemas.domain.job import FIRST_CHECK_AFTER, QUEUED_AT_MOST, Job
from schemas.domain.states import ClipState, JobState
from schemas.wire.request import VideoRequest
from tests.unit.makers import AT, PRICE, a_job, a_plan, accepted, after, done, lost, played, started, withdrawn


def test_a_new_job_is_queued_for_a_day_and_looked_at_soon() -> None:
    job = a_job()
    assert job.state is JobState.QUEUED
    assert job.deadline == AT + QUEUED_AT_MOST
    assert job.next_check_at == AT + FIRST_CHECK_AFTER
    assert job.fingerprint == job.request.fingerprint()
    assert job.since(JobState.QUEUED) == AT
    assert job.since(JobState.STORING) is None


def test_start_before_shortens_the_deadline_and_never_lengthens_it() -> None:
    assert a_job(start_before=after(60)).deadline == after(60)
    assert a_job(start_before=AT + timedelta(days=9)).deadline == AT + QUEUED_AT_MOST


def test_what_the_store_adds_is_not_written() -> None:
    stored = a_job().model_copy(update={"revision": "7", "stored_at": AT, "read_at": AT})
    assert Job.model_validate_json(stored.model_dump_json()) == a_job()


def test_started_means_that_something_may_be_paid() -> None:
    assert not a_job().started
    assert played(started()).started
    assert played(started(), lost()).started
    assert not played(started(), withdrawn()).started


def test_only_a_frozen_plan_without_a_price_is_free() -> None:
    assert not a_job().is_free
    assert played(started(a_plan(Decimal(0)))).is_free
    assert not played(started(a_plan(Decimal(0), PRICE))).is_free


def test_the_sources_of_joined_clips_are_all_of_them() -> None:
    two = a_plan(PRICE, PRICE)
    job = played(started(two), accepted(), done(0), started(two, "n2"), accepted("n2", "op-2"), done(1))
    assert job.sources == ("work/job-1/0/1/clip.mp4", "work/job-1/1/1/clip.mp4")


def test_the_source_of_an_extended_clip_is_the_last_one() -> None:
    two = a_plan(PRICE, PRICE, extends=True)
    job = played(started(two), accepted(), done(0), started(two, "n2"), accepted("n2", "op-2"), done(1))
    assert job.sources == ("work/job-1/1/1/clip.mp4",)


def test_the_names_of_its_files_follow_from_the_record() -> None:
    assert a_job().final_name == "generated-videos/video_20260131_120000_job-1.mp4"
    assert a_job().poster_name == "posters/video_20260131_120000_job-1.jpg"


def test_a_plan_costs_what_its_clips_cost_and_has_at_least_one() -> None:
    assert a_plan(PRICE, Decimal("1.20")).price_usd == Decimal("1.60")
    with pytest.raises(ValidationError, match="too_short"):
        type(a_plan()).model_validate({"clips": []})


def test_a_clip_is_found_by_its_state() -> None:
    job = played(started(a_plan(PRICE, PRICE)))
    found = job.clip_in(ClipState.UNKNOWN, ClipState.SUBMITTING)
    assert found
    assert found.index == 0
    assert job.clip_in(ClipState.DONE) is None


def test_a_record_with_a_prompt_that_nobody_can_see_is_still_read() -> None:
    stored = json.loads(a_job().model_dump_json())
    stored["request"]["prompt"] = "\u200b" * 12
    job = Job.model_validate_json(json.dumps(stored))
    assert job.request.prompt == "\u200b" * 12
    assert job.request.model_copy() == job.request
    with pytest.raises(ValidationError, match="can be seen"):
        VideoRequest.model_validate(stored["request"])
