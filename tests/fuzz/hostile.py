"""Bodies that mean harm, and the words in which every door refuses them."""

from typing import Any

from tests.images import data_url, png, png_bomb

PROMPT = "A beautiful sunset over mountains with birds flying"
_JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(9)
_WEBP = b"RIFF\x1e\0\0\0WEBPVP8X\n\0\0\0\x02\0\0\0\0\0\0\0\0\0" + bytes(8)
TOO_MANY_PIXELS = "reference_image must have at most 50,000,000 pixels (50 megapixels), not 50000 x 50000"
BROKEN = "reference_image is cut off or broken"
STILL = "reference_image must be a still image, not an animation"

IMAGES: dict[str, tuple[bytes, str]] = {
    "a bomb": (png_bomb(), TOO_MANY_PIXELS),
    "a bomb in a hundred bytes": (png(50_000, 50_000), TOO_MANY_PIXELS),
    "an animation": (png(animated=True), STILL),
    "an animated WebP": (_WEBP, STILL),
    "a PNG cut off": (png()[:-13], BROKEN),
    "a PNG of its first bytes": (b"\x89PNG\r\n\x1a\n", BROKEN),
    "a PNG without a size": (png(0, 0), BROKEN),
    "a JPEG cut off": (_JPEG, BROKEN),
    "a JPEG that never ends": (b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x10\x00\x10" + bytes(50), BROKEN),
    "a WebP cut off": (_WEBP[:25], BROKEN),
    "a text that lies": (b"#!/bin/sh\nrm -rf /", "reference_image must be a PNG, JPEG or WebP image"),
    "an SVG": (b"<svg onload='alert(1)'/>", "reference_image must be a PNG, JPEG or WebP image"),
    "nothing": (b" ", "reference_image must be a PNG, JPEG or WebP image"),
    "more bytes than allowed": (png(padding=20_000_001), "reference_image must have at most 20,000,000 bytes"),
}
"""By name: the bytes, and how the refusal begins."""

FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "an id that climbs": ({"job_id": "../../etc/passwd"}, "job_id must have"),
    "an absolute id": ({"job_id": "/etc/passwd"}, "job_id must have"),
    "an id with CR LF": ({"job_id": "a\r\nSet-Cookie: b=c"}, "job_id must have"),
    "an id with a line feed at its end": ({"job_id": "order\n"}, "job_id must have"),
    "an id with a null byte": ({"job_id": "order\0"}, "job_id must have"),
    "a foreign bucket": ({"reference_image": "gs://foreign/image.png"}, "reference_image can't be read from gs://fore"),
    "a file": ({"reference_image": "file:///etc/passwd"}, "reference_image must be a data: URL"),
    "a metadata server": ({"reference_image": "http://169.254.169.254/"}, "reference_image must be a data: URL"),
    "a stored name that climbs": (
        {"reference_image": "reelbus:references/../work/x"},
        "reference_image must be a data: ",
    ),
    "a stored name of nobody": (
        {"reference_image": f"reelbus:references/{'0' * 64}.png"},
        "reference_image names no image that was stored before",
    ),
    "a data: of another kind": (
        {"reference_image": "data:text/html;base64,PGI+"},
        "reference_image must be a data: URL",
    ),
    "a prompt without end": ({"prompt": "x" * 2001}, "prompt must have at most 2000 characters, not 2001"),
    "half a character": ({"prompt": "\ud800 is half a character"}, "prompt must be valid Unicode"),
    "a model that climbs": ({"model": "../../v1/else"}, "model must have"),
    "a project that climbs": ({"project_id": "../x"}, "project_id must have"),
    "a project with CR LF": ({"project_id": "a\r\nb"}, "project_id must have"),
    "a label with CR LF": ({"labels": {"a": "b\r\nc"}}, "labels.a must have"),
    "a label's name with CR LF": ({"labels": {"A\r\n": "b"}}, "labels.A"),
    "a number that is none": ({"seed": "0x10"}, "seed must be a whole number"),
    "a number beyond all bounds": ({"duration_seconds": 10**19}, "duration_seconds must be at most 30"),
    "a price beyond all bounds": ({"max_cost_usd": 1e300}, "max_cost_usd must be at most 1000000000"),
    "a moment beyond all bounds": ({"start_before": "9999-12-31T23:59:59-14:00"}, "start_before must be between"),
}
"""By name: what differs from a good request, and how the refusal begins."""

_GOOD = f'"prompt": "{PROMPT}", "job_id": "one"'.encode()
TEXTS: dict[str, tuple[bytes, str]] = {
    "a hundred thousand lists": (b'{"scene": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "is nested too deeply"),
    "a hundred thousand objects": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "must have at most 1,000 keys"),
    "ten thousand objects": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "is nested too deeply"),
    "a number of a hundred thousand digits": (
        b'{"seed": ' + b"9" * 100_000 + b"}",
        "with numbers of at most 4,300 digits",
    ),
    "no number": (b'{%b, "seed": NaN}' % _GOOD, "must be JSON, which has no NaN"),
    "no end": (b'{%b, "max_cost_usd": Infinity}' % _GOOD, "must be JSON, which has no Infinity"),
    "an id twice": (b'{%b, "job_id": "two"}' % _GOOD, "job_id is given twice"),
    "a nested key twice": (b'{%b, "labels": {"a": "1", "a": "2"}}' % _GOOD, "a is given twice"),
    "half a character twice": (b'{"\\ud800": 1, "\\ud800": 2}', "? is given twice"),
    "no text": (b'{"prompt": "\xff\xfe"}', "must be JSON in UTF-8"),
    "a byte order mark inside": (b"{\xef\xbb\xbf%b}" % _GOOD, "must be JSON"),
    "another encoding": ("{}".encode("utf-16"), "its byte order mark says UTF-16"),
    "a million keys": (b"{" + b",".join(b'"k%d":1' % number for number in range(1_000_000)) + b"}", "1,000 keys"),
}
"""By name: the whole text, and a part of the refusal."""


def with_image(image: bytes, kind: str = "image/png") -> dict[str, str]:
    """A request with this first frame."""
    return {"prompt": PROMPT, "reference_image": data_url(image, kind)}
