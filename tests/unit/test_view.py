"""A job as callers see it."""

import json
from decimal import Decimal

from schemas.domain import events as ev
from schemas.domain.projections import view_of
from schemas.errors import Charged
from tests.unit.makers import AT, NO, a_job, a_plan, accepted, after, done, played, started, stored, wished


def test_a_queued_job_shows_what_was_asked_and_its_place() -> None:
    job = a_job(labels={"team": "growth"}, project_id="test-project", scene_index=2, quality="quality")
    view = view_of(job, queue_position=3)
    assert (view.video_id, view.state, view.queue_position) == ("job-1", "queued", 3)
    assert (view.prompt, view.quality, view.duration_seconds) == ("A harbour at dawn", "quality", 5)
    assert (view.project_id, view.scene_index, view.labels) == ("test-project", 2, {"team": "growth"})
    assert (view.progress, view.clips, view.model, view.cost_usd) == (0, (), None, Decimal(0))


def test_a_running_job_shows_its_ledger() -> None:
    job = played(started(), accepted()).model_copy(update={"read_at": after(27)})
    view = view_of(job)
    assert view.progress == 0.5
    (line,) = view.clips
    assert (line.state, line.operation, line.attempt, line.charged) == ("accepted", "op-1", 1, Charged.YES)


def test_a_finished_job_shows_its_video() -> None:
    view = view_of(played(started(), accepted(), done(), stored()), video_url="https://v", poster_url="https://p")
    assert (view.state, view.progress, view.video_url, view.poster_url) == ("succeeded", 1, "https://v", "https://p")
    assert (view.gcs_path, view.width, view.height) == ("generated-videos/video_20260131_120000_job-1.mp4", 1280, 720)
    assert [step.state for step in view.history] == ["queued", "submitting", "generating", "storing", "succeeded"]


def test_a_failed_job_shows_the_reason_and_a_cancel_shows_before_it_takes_effect() -> None:
    failed = view_of(played(started(), ev.SubmitDenied(at=after(2), nonce="n1", failure=NO)))
    assert failed.error == NO
    assert view_of(played(started(), wished())).cancel_requested


def test_outside_it_is_plain_json_with_times_in_utc_and_money_as_numbers() -> None:
    shown = json.loads(view_of(played(started(a_plan()), accepted())).model_dump_json())
    assert shown["created_at"] == "2026-01-31T12:00:00.000Z" == view_of(a_job()).model_dump(mode="json")["created_at"]
    assert shown["cost_usd"] == 0.4
    assert shown["clips"][0]["price_usd"] == 0.4
    assert view_of(a_job()).created_at == AT
