"""What a picture's first bytes say, held against an encoder that knows better."""

import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from schemas.errors import Invalid
from schemas.services import image_header
from schemas.services.image_header import image_kind


def stored(width: int, height: int, format_: str, mode: str = "RGB", **how: object) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (width, height), 128).save(file, format_, **how)
    return file.getvalue()


KINDS = [
    ("PNG", "RGB", {}, "png"),
    ("PNG", "P", {"interlace": 1}, "png"),
    ("PNG", "RGBA", {}, "png"),
    ("JPEG", "RGB", {}, "jpg"),
    ("JPEG", "L", {"progressive": True}, "jpg"),
    ("JPEG", "CMYK", {"quality": 95, "comment": b"\xff\xd9 in a comment"}, "jpg"),
    ("WEBP", "RGB", {}, "webp"),
    ("WEBP", "RGB", {"lossless": True}, "webp"),
    ("WEBP", "RGBA", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}, "webp"),
]
every_kind = pytest.mark.parametrize(("format_", "mode", "how", "extension"), KINDS)


@every_kind
def test_every_kind_is_told(format_: str, mode: str, how: dict[str, object], extension: str) -> None:
    assert image_kind(stored(317, 23, format_, mode, **how)) == extension


@every_kind
def test_the_size_is_read_and_not_guessed(
    format_: str, mode: str, how: dict[str, object], extension: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = stored(317, 23, format_, mode, **how)
    monkeypatch.setattr(image_header, "PIXELS_AT_MOST", 317 * 23)
    assert image_kind(picture) == extension
    monkeypatch.setattr(image_header, "PIXELS_AT_MOST", 317 * 23 - 1)
    with pytest.raises(Invalid, match="not 317 x 23"):
        image_kind(picture)


@every_kind
def test_what_is_cut_off_is_broken(format_: str, mode: str, how: dict[str, object], extension: str) -> None:
    picture = stored(317, 23, format_, mode, **how)
    for size in range(12, len(picture), max(1, len(picture) // 200)):
        with pytest.raises(Invalid, match="reference_image is cut off or broken"):
            image_kind(picture[:size])


@pytest.mark.parametrize("format_", ["PNG", "WEBP"])
def test_an_animation_is_refused(format_: str) -> None:
    file = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(file, format_, save_all=True, append_images=frames[1:])
    with pytest.raises(Invalid, match="must be a still image"):
        image_kind(file.getvalue())


@given(
    start=st.sampled_from([stored(9, 9, kind)[:30] for kind in ("PNG", "JPEG", "WEBP")]), rest=st.binary(max_size=80)
)
def test_no_bytes_at_all_make_it_fall_over(start: bytes, rest: bytes) -> None:
    with suppress(Invalid):
        assert image_kind(start + rest) in ("png", "jpg", "webp")
