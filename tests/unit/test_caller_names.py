"""Names that belong to one caller."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.domain.object_names import FINALS, final_name, is_safe
from schemas.wire.caller_names import REVERSIBLE_MAX, image_digest, to_shown_id, to_stored_id
from schemas.wire.completion import Completion, Outcome
from schemas.wire.message import encode_completion
from schemas.wire.types import JOB_ID_MAX, JOB_ID_PATTERN
from tests.unit.makers import AT

IDS = st.from_regex(JOB_ID_PATTERN[1:-1], fullmatch=True)
CALLERS = st.sampled_from(["acme", "zebra", "a", "Acme", "someone@example.com", "acme-order"])


@given(caller=CALLERS, job_id=IDS)
def test_a_stored_id_is_an_id_of_a_job_and_of_a_file(caller: str, job_id: str) -> None:
    stored = to_stored_id(caller, job_id)
    assert re.fullmatch(JOB_ID_PATTERN[1:-1], stored)
    assert is_safe(final_name(AT, stored))
    assert final_name(AT, stored).startswith(FINALS)
    assert stored != job_id


@given(first=st.tuples(CALLERS, IDS), second=st.tuples(CALLERS, IDS))
def test_two_callers_never_share_one(first: tuple[str, str], second: tuple[str, str]) -> None:
    assert (to_stored_id(*first) == to_stored_id(*second)) is (first == second)


@given(caller=CALLERS, job_id=IDS)
def test_its_caller_is_shown_its_own_id_and_no_other_caller_is(caller: str, job_id: str) -> None:
    stored = to_stored_id(caller, job_id)
    assert to_shown_id(caller, stored) == (job_id if len(job_id) <= REVERSIBLE_MAX else stored)
    assert to_shown_id("other", stored) == to_shown_id(None, stored) == stored
    assert to_shown_id(caller, job_id) == job_id, "an id that has no digest is shown as it is"


def test_without_a_key_all_names_are_as_they_were() -> None:
    assert to_stored_id(None, "order-1") == to_shown_id(None, "order-1") == "order-1"
    assert image_digest(None, "0" * 64) == "0" * 64


@pytest.mark.parametrize("length", [1, REVERSIBLE_MAX, REVERSIBLE_MAX + 1, JOB_ID_MAX])
def test_an_id_that_looks_like_a_stored_one_is_an_id_like_any_other(length: int) -> None:
    taken = to_stored_id("acme", "x" * length)
    assert len(taken) <= JOB_ID_MAX
    assert to_stored_id("zebra", taken) != taken
    assert to_stored_id("acme", taken) != taken


def test_the_names_are_stored_and_so_they_stay() -> None:
    """A later version that computed another one would pay again for a repeated call."""
    assert to_stored_id("acme", "order-1") == "order-1-h3u4ykjruwga2jwb"
    assert to_stored_id("acme", "x" * 64) == "xxxxxxxxxxx-z6pomywdrzwrbeitjt4c7qk5w4mokudwerz6i3cfg7fpu4b7safa"
    assert image_digest("acme", "0" * 64) == "c4e36384627ca11bde37266a7bc169c40b0b419b97fe74ee5e85620990e5fc38"


def test_a_digest_of_an_image_is_one_caller_s() -> None:
    digests = {image_digest(caller, "0" * 64) for caller in (None, "acme", "zebra")}
    assert len(digests) == 3
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests)


def test_a_completion_says_whose_it_is_and_its_body_does_not() -> None:
    stored = to_stored_id("acme", "order-1")
    completion = Completion(job_id=stored, state=Outcome.SUCCEEDED, gcs_path=final_name(AT, stored))
    plain, owned = encode_completion(completion, at=AT), encode_completion(completion, at=AT, caller="acme")
    assert owned.data == plain.data
    assert owned.attributes == {**plain.attributes, "caller": "acme", "video_id": "order-1"}
    assert owned.attributes["job_id"] == stored
