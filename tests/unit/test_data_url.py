"""`data:` URLs as browsers take them; `schemas/vectors/requests.json` has the forms."""

import base64
import tracemalloc

import pytest

from schemas.wire.media_types import is_data_url, plain_data_url
from tests.images import png

IMAGE = png()


@pytest.mark.parametrize("size", [0, 1, 65_530, 65_534, 65_535, 65_536, 65_537, 131_072, 200_001])
def test_escapes_are_read_wherever_they_lie(size: int) -> None:
    content = IMAGE + bytes(number % 256 for number in range(size))
    escaped = "".join(
        f"%{byte:02x}" if byte % 3 else chr(byte) if 0x30 <= byte < 0x7B else f"%{byte:02X}" for byte in content
    )
    plain = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    assert plain_data_url("data:image/png," + escaped) == plain
    assert plain_data_url(f"Data:image/png;charset=utf-8;BASE64,{escaped_base64(content)}") == plain


def escaped_base64(content: bytes) -> str:
    return "".join(f"%{ord(letter):02X}" for letter in base64.b64encode(content).decode())


def test_escapes_cost_no_more_memory_than_their_text() -> None:
    url = "data:image/png," + "".join(f"%{byte:02X}" for byte in IMAGE) + "%00" * 300_000
    tracemalloc.start()
    try:
        plain_data_url(url)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 4 * len(url)


@pytest.mark.parametrize(
    "url",
    [
        "data:",
        "data:,",
        "data:image/png;base64",
        "data:image/png;base64,",
        "data:image/png;base64,%",
        "data:image/png;base64,====",
        "data:image/svg+xml,<svg/>",
        "data:text/html,<script>",
        "data:image/png;base64," + "\u00fc" * 8,
        "data:image/png,\u0089PNG\r\n\x1a\n",
    ],
)
def test_what_holds_no_image(url: str) -> None:
    assert is_data_url(url)
    with pytest.raises(ValueError):  # noqa: PT011  the request says it in its own words
        plain_data_url(url)


@pytest.mark.parametrize("text", ["", "dat:", "gs://bucket/data:", "xdata:image/png,", "/data:"])
def test_other_addresses(text: str) -> None:
    assert not is_data_url(text)
