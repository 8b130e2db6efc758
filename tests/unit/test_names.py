"""Names in the video store, ids and moments."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.domain.object_names import final_name, is_safe, poster_name, reference_name, work_prefix
from schemas.wire.types import isoformat, job_id_from_key, new_job_id
from tests.unit.makers import AT, a_request

ids = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)


def test_a_final_is_named_as_callers_know_it() -> None:
    at = datetime(2024, 1, 1, 12, tzinfo=UTC)
    assert final_name(at, "abc123") == "generated-videos/video_20240101_120000_abc123.mp4"
    assert poster_name(at, "abc123") == "posters/video_20240101_120000_abc123.jpg"


def test_a_name_does_not_depend_on_the_time_zone() -> None:
    assert final_name(AT.astimezone(timezone(timedelta(hours=-9))), "a") == final_name(AT, "a")


def test_every_attempt_has_a_folder_of_its_own() -> None:
    assert work_prefix("job-1", 2, 3) == "work/job-1/2/3/"


@given(ids)
def test_every_name_that_we_make_is_safe(job_id: str) -> None:
    assert is_safe(final_name(AT, job_id))
    assert is_safe(poster_name(AT, job_id))
    assert is_safe(work_prefix(job_id, 0, 1) + "clip.mp4")
    assert is_safe(reference_name("0" * 64, "png"))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "/etc/passwd",
        "a//b",
        "a/",
        "../a",
        "a/../b",
        "a/..",
        ".hidden",
        "a/.b",
        "a\\b",
        "a b",
        "a\n",
        "ä",
        "a\0",
        "x" * 300,
    ],
)
def test_a_name_that_climbs_hides_or_confuses_is_not_safe(name: str) -> None:
    assert not is_safe(name)


def test_a_new_id_is_an_id_and_new() -> None:
    first, second = new_job_id(), new_job_id()
    assert first != second
    assert a_request(job_id=first).job_id == first


@given(st.text(max_size=200))
def test_every_key_stands_for_one_valid_id(key: str) -> None:
    job_id = job_id_from_key(key)
    assert a_request(job_id=job_id).job_id == job_id
    assert job_id_from_key(key) == job_id


def test_a_key_that_can_be_an_id_is_the_id() -> None:
    assert job_id_from_key("order-77_a") == "order-77_a"
    assert job_id_from_key("order 77").startswith("key-")
    assert job_id_from_key("order 77") != job_id_from_key("order 78")


def test_a_moment_is_written_in_utc_with_milliseconds() -> None:
    berlin = datetime(2026, 1, 31, 13, 0, 0, 125_900, tzinfo=timezone(timedelta(hours=1)))
    assert isoformat(berlin) == "2026-01-31T12:00:00.125Z"
