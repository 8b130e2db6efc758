"""What might lie on the topic: almost messages, broken ones, and noise."""

import json
from typing import Any

from hypothesis import strategies as st

from schemas.wire.message import CANCEL, REQUESTED, Message
from schemas.wire.request import VideoRequest
from tests.images import data_url, png, png_bomb

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
BOMB = png_bomb(5_000)
HOSTILE: tuple[Any, ...] = (
    None,
    "", "\0", "a\r\nSet-Cookie: x", "../../etc/passwd", "/etc/passwd", "\ud800 is half a character", "ü" * 3000,
    10**400, -1, 1e308, float("nan"), float("inf"), True, [], {}, [[]], {"a": {"b": []}}, "gs://foreign/image.png",
    data_url(b"no image"), data_url(png(), "image/jpeg"), data_url(png(50_000, 50_000)), data_url(png()[:-20]),
    data_url(png(animated=True)), data_url(BOMB), "file:///etc/passwd", "http://169.254.169.254/", "5",
    5.0, "9999-12-31T23:59:59+14:00",
)  # fmt: skip
FIELDS = (*VideoRequest.model_fields, "reason", "unknown", "\ud800")
_IDS = st.sampled_from(("one", "two", "three"))
_ANYTHING = st.recursive(
    st.sampled_from(HOSTILE) | st.text(max_size=20) | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A request or a cancel with some of its fields gone wrong, or cut off, or with a key twice."""
    body: dict[str, Any] = {"job_id": draw(_IDS), "prompt": "A harbour at dawn, gulls", "duration_seconds": 1}
    body |= draw(st.dictionaries(st.sampled_from(FIELDS), _ANYTHING, max_size=3))
    text = json.dumps(body).encode()
    match draw(st.integers(0, 5)):
        case 0:
            return text[: draw(st.integers(0, len(text)))]
        case 1:
            return text[:-1] + b', "prompt": "A second prompt, and which one counts?"}'
        case 2:
            return draw(st.binary(max_size=40))
        case _:
            return text


DEEP = (b"[" * 100_000, b'{"job_id":' * 100_000, b'{"scene": ' + b"[" * 100_000 + b"]" * 100_000 + b"}")
"""100,000 levels, open and closed."""
_KINDS = st.sampled_from((None, REQUESTED, REQUESTED, CANCEL, "", "reelbus.video.succeeded.v1", "com.example.x"))
_ATTRIBUTES = st.dictionaries(
    st.sampled_from(("job_id", "traceparent", "ce-id", "other")),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=30) | st.sampled_from((TRACE, TRACE + "\r\nX-Evil: 1")),
    max_size=3,
)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """Whatever anybody may publish. Not of a newer version: those are held for a newer worker."""
    kind = draw(_KINDS)
    named = {} if kind is None else {"ce-type": kind}
    return Message(data=draw(bodies() | st.sampled_from(DEEP)), attributes={**draw(_ATTRIBUTES), **named})
