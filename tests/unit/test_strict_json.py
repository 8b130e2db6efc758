"""JSON from outside: what no request could be is refused before it is parsed, and byte order marks are known."""

import json
import tracemalloc

import pytest

from schemas.errors import Invalid
from schemas.wire.message import Message, job_id_of
from schemas.wire.validation import KEYS_AT_MOST, parse_object


@pytest.mark.parametrize(
    "text",
    [
        b"{" + b",".join(b'"k%d":1' % number for number in range(200_000)) + b"}",
        b'{"labels": {' + b",".join(b'"k%d":"v"' % number for number in range(200_000)) + b"}}",
        b'{"labels": [' + b"1," * 1_999_999 + b"1" + b"]}",
        b'{"a": ' + b'{"a": {}, "b": [[],[]]},' * 100_000 + b"}",
        b'{"prompt": "' + b"\\u0041" * 300_000 + b'", "style": "' + b"x" * 1_900_000 + b'"}',
        b'"' * 4_000_000,
    ],
)
def test_what_no_request_could_be_costs_no_memory(text: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(Invalid, match=r"the body must have at most 1,000"):
            parse_object(text, what="the body")
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 100_000
    assert job_id_of(Message(data=text)) is None


def test_keys_are_counted_in_all_objects() -> None:
    half = {f"k{number}": 1 for number in range(KEYS_AT_MOST // 2)}
    text = json.dumps({"a": half, "b": half}).encode()
    with pytest.raises(Invalid, match="the body must have at most 1,000 keys"):
        parse_object(text, what="the body")
    assert parse_object(json.dumps(half).encode(), what="the body") == half


def test_an_image_is_no_matter_of_size() -> None:
    image = "data:image/png;base64," + "iVBO" * 5_000_000
    body = {"prompt": 'Commas, colons: and "quotes"' * 60, "reference_image": image}
    assert parse_object(json.dumps(body).encode(), what="the body") == body
    lines = {"reference_image": "iVBO\n" * 1_000_000}
    assert parse_object(json.dumps(lines).encode(), what="the body") == lines


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf"])
def test_a_byte_order_mark_of_utf_8_is_no_part_of_the_json(mark: bytes) -> None:
    assert parse_object(mark + b'{"a": "\xef\xbb\xbf"}', what="the body") == {"a": "\ufeff"}


@pytest.mark.parametrize(
    ("encoding", "named"),
    [("utf-16", "UTF-16"), ("utf-32", "UTF-32"), ("utf-16-be", "UTF-16"), ("utf-32-be", "UTF-32")],
)
def test_another_byte_order_mark_is_named(encoding: str, named: str) -> None:
    text = ("" if encoding in ("utf-16", "utf-32") else "\ufeff") + '{"a": 1}'
    with pytest.raises(Invalid, match=f"the body must be JSON in UTF-8, and its byte order mark says {named}$"):
        parse_object(text.encode(encoding), what="the body")


def test_a_mark_alone_is_no_json() -> None:
    with pytest.raises(Invalid, match="the body must be JSON: Expecting value at line 1, column 1"):
        parse_object(b"\xef\xbb\xbf", what="the body")
