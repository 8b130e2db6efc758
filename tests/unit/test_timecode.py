"""What the golden vectors can't say about times: the shape of every input at once."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.wire import scene


@given(hours=st.integers(0, 99), minutes=st.integers(0, 59), seconds=st.integers(0, 59), ms=st.integers(0, 999))
def test_every_clock_reads_as_its_seconds(hours: int, minutes: int, seconds: int, ms: int) -> None:
    written = f"{hours:02}:{minutes:02}:{seconds:02}.{ms:03}"
    assert scene.seconds(written) == hours * 3600 + minutes * 60 + seconds + Decimal(ms) / 1000


@given(start=st.integers(0, 99_999), end=st.integers(0, 99_999), dash=st.sampled_from(["-", " to ", "–", "s — "]))
def test_every_range_reads_as_its_two_ends(start: int, end: int, dash: str) -> None:
    assert scene.span(f"{start}{dash}{end}s") == (Decimal(start), Decimal(end))


@given(st.text(max_size=60))
def test_any_text_is_a_time_or_a_value_error(text: str) -> None:
    try:
        found = scene.span(text) or (Decimal(0), scene.seconds(text))
    except ValueError as error:
        told = str(error)
    else:
        told = "" if min(found) >= 0 else "a time before the beginning"
    assert told == "" or told.startswith("must be a time such as 8s, 0:08 or 8, not ")


@pytest.mark.parametrize("value", [8, 8.0, 8.25])
def test_a_number_is_no_range(value: float) -> None:
    assert scene.span(value) is None
    assert scene.seconds(value) == Decimal(str(value))
