"""One sentence for one fault, in our words and not in a library's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.errors import Invalid
from schemas.wire.request import CancelRequest, VideoRequest
from schemas.wire.validation import to_invalid

leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12))
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner))


def complaint(body: object) -> Invalid:
    with pytest.raises(ValidationError) as caught:
        VideoRequest.model_validate(body)
    return to_invalid(caught.value)


@given(name=st.sampled_from(sorted(VideoRequest.model_fields)), value=values)
def test_whatever_stands_in_a_field_the_complaint_names_it_in_our_words(name: str, value: object) -> None:
    try:
        VideoRequest.model_validate({"job_id": "job-1", "prompt": "A harbour at dawn", name: value})
    except ValidationError as error:
        told = to_invalid(error)
        assert told.field
        assert told.field.partition(".")[0] == name
        assert str(told).startswith(told.field)
        assert "input should" not in str(told).lower()


@pytest.mark.parametrize("body", [None, 5, "a", [], [{}]])
def test_a_body_that_is_no_object_names_no_field(body: object) -> None:
    told = complaint(body)
    assert told.field is None
    assert str(told) == "must be an object"


def test_broken_json_says_where() -> None:
    with pytest.raises(ValidationError) as caught:
        VideoRequest.model_validate_json(b'{"job_id": ')
    assert str(to_invalid(caught.value)).startswith("invalid JSON: ")


def test_the_first_of_several_faults_is_told() -> None:
    assert complaint({"prompt": "short", "quality": "ultra"}).field == "job_id"


def test_a_cancel_is_refused_in_the_same_words() -> None:
    with pytest.raises(ValidationError) as caught:
        CancelRequest.model_validate({"job_id": "a", "reason": "x" * 501})
    assert str(to_invalid(caught.value)) == "reason must have at most 500 characters, not 501"
