"""The request, beyond the golden vectors."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from schemas.domain.job import new_job, record_of
from schemas.wire.request import OnUnknownSubmit, Quality, VideoRequest
from tests.unit.makers import a_request


@pytest.mark.parametrize(
    ("resolution", "ratio", "size"),
    [
        ("720p", "16:9", (1280, 720)),
        ("720p", "9:16", (720, 1280)),
        ("1080p", "16:9", (1920, 1080)),
        ("4k", "9:16", (2160, 3840)),
    ],
)
def test_the_frame_is_as_large_as_its_name_says(resolution: str, ratio: str, size: tuple[int, int]) -> None:
    assert a_request(resolution=resolution, aspect_ratio=ratio).frame_size == size


def test_a_request_survives_its_own_json() -> None:
    request = a_request(
        scene={"title": "A boat at dawn", "timeEnd": "0:08"}, prompt=None, max_cost_usd="0.1", labels={"a": "b"}
    )
    again = VideoRequest.model_validate_json(request.model_dump_json(exclude_none=True))
    assert again == request
    assert again.duration_seconds == 8


def test_equal_requests_have_equal_fingerprints_whatever_their_ids() -> None:
    one = a_request(job_id="a", duration_seconds="5", max_cost_usd=1, style=None)
    assert one.fingerprint() == a_request(job_id="b", max_cost_usd="1.00", quality="fast").fingerprint()


@pytest.mark.parametrize(
    "other",
    [{"prompt": "A harbour at dusk"}, {"duration_seconds": 6}, {"seed": 0}, {"style": ""}, {"labels": {"a": "b"}}],
)
def test_another_request_has_another_fingerprint(other: dict[str, Any]) -> None:
    assert a_request(**other).fingerprint() != a_request().fingerprint()


def test_a_field_that_a_later_version_adds_leaves_the_fingerprint_alone() -> None:
    class Later(VideoRequest):
        frame_rate: int = 24

    sent = {"job_id": "job-1", "prompt": "A harbour at dawn", "seed": 7}
    assert Later.model_validate(sent).fingerprint() == VideoRequest.model_validate(sent).fingerprint()


def test_images_are_left_out_unless_they_are_asked_for() -> None:
    """The release before reads what is written by default, and refuses a key that it does not know."""
    images = {"last_image": "gs://bucket/last.png", "reference_images": ("gs://bucket/person.png",)}
    plain, asked = a_request(last_image=None, reference_images=[]), a_request(**images)
    record = json.loads(record_of(new_job(plain, datetime(2026, 1, 1, tzinfo=UTC))))
    assert not images.keys() & {*plain.body(), *plain.model_dump(), *record["request"]}
    assert plain.fingerprint() == a_request().fingerprint()
    assert {**asked.body(), **{name: asked.model_dump()[name] for name in images}} == {**asked.body(), **images}
    assert VideoRequest.model_validate(asked.body()).fingerprint() == asked.fingerprint()
    assert len({a_request(**{name: images[name]}).fingerprint() for name in images} | {asked.fingerprint()}) == 3
    assert [*asked.images] == ["last_image", "reference_images.0"]
    renamed = asked.rename_images({"gs://bucket/last.png": "gs://bucket/new.png"})
    assert [*renamed.images.values()] == ["gs://bucket/new.png", "gs://bucket/person.png"]


def test_a_budget_allows_what_it_covers() -> None:
    assert a_request().allows(Decimal(1000))
    assert a_request(max_cost_usd=0.4).allows(Decimal("0.40"))
    assert not a_request(max_cost_usd=0.4).allows(Decimal("0.41"))
    assert a_request(max_cost_usd=0).allows(Decimal(0))


def test_python_callers_may_use_the_words_as_enums() -> None:
    request = a_request(quality=Quality.QUALITY, on_unknown_submit=OnUnknownSubmit.RESUBMIT)
    assert request.quality == "quality"
    assert request.on_unknown_submit == "resubmit"
