"""Reference pictures: every kind that a browser or a camera makes, and those that would harm us."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from infra.embedded.animatic import picture
from infra.embedded.animatic.camera import Move
from infra.embedded.animatic.stage import fits, set_stage

RED, BLUE = (200, 30, 40), (20, 40, 200)


def stored(image: Image.Image, format_: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def halves(mode: str = "RGB") -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", (60, 40), RED)
    image.paste(BLUE, (30, 0, 60, 40))
    return image.convert(mode)


def near(pixel: object, colour: tuple[int, int, int], within: int = 45) -> bool:
    return bool(np.abs(np.subtract(np.asarray(pixel), colour)).max() <= within)


@pytest.mark.parametrize(
    "data",
    [
        stored(halves(), "PNG"),
        stored(halves(), "JPEG", quality=95),
        stored(halves(), "WEBP", lossless=True),
        stored(halves("RGBA"), "PNG"),
        stored(halves("P"), "PNG"),
        stored(halves("CMYK"), "JPEG", quality=95),
        stored(halves("RGBA"), "WEBP", lossless=True),
    ],
    ids=["png", "jpeg", "webp", "png-alpha", "png-palette", "jpeg-cmyk", "webp-alpha"],
)
def test_every_kind_of_picture_comes_out_as_rgb(data: bytes) -> None:
    image = picture.decode(data)
    assert (image.mode, image.size) == ("RGB", (60, 40))
    assert near(image.getpixel((10, 20)), RED)
    assert near(image.getpixel((50, 20)), BLUE)


def test_a_turned_photograph_is_set_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its side: turn it clockwise
    image = picture.decode(stored(halves(), "JPEG", quality=95, exif=exif))
    assert image.size == (40, 60)
    assert near(image.getpixel((20, 10)), RED)
    assert near(image.getpixel((20, 50)), BLUE)


def test_what_is_transparent_is_dark_and_not_white_or_what_lies_beneath() -> None:
    image = picture.decode(stored(Image.new("RGBA", (8, 8), (255, 255, 255, 0)), "PNG"))
    assert near(image.getpixel((4, 4)), (18, 20, 24), within=2)


def test_sixteen_bits_keep_their_tones() -> None:
    grey = Image.fromarray(np.full((8, 8), 0x8000, np.uint16))
    assert near(picture.decode(stored(grey, "PNG")).getpixel((4, 4)), (128, 128, 128), within=2)


@pytest.mark.parametrize("data", [b"", b"not a picture", stored(halves(), "PNG")[:60], stored(halves(), "GIF")])
def test_what_is_no_picture_is_refused_in_a_sentence(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"cannot be decoded as PNG, JPEG or WebP"):
        picture.decode(data)


@pytest.mark.parametrize("side", [7_500, 16_000])
def test_a_bomb_is_refused_before_it_is_unpacked(side: int) -> None:
    bomb = stored(Image.new("1", (side, side)), "PNG")
    assert len(bomb) < 100_000
    with pytest.raises(ValueError, match=r"too many pixels; the limit is 50,000,000 \(50 megapixels\)"):
        picture.decode(bomb)


def test_too_many_bytes_are_refused_with_the_limit() -> None:
    with pytest.raises(ValueError, match=r"the limit is 20,971,520 \(20 MB\)"):
        picture.decode(bytes(picture.MAX_BYTES + 1))


@given(st.binary(max_size=300))
def test_garbage_never_raises_anything_else(data: bytes) -> None:
    with pytest.raises(ValueError, match="reference image"):
        picture.decode(b"\x89PNG\r\n\x1a\n" + data)


def test_a_picture_of_another_shape_is_shown_whole_over_a_dark_copy_of_itself() -> None:
    wide = halves().resize((160, 90), Image.Resampling.NEAREST)
    assert not fits(wide.size, (90, 160))
    stage = set_stage(wide, (90, 160), Move(), 5)
    luma = np.asarray(stage.picture.luma).astype(int)
    assert luma.shape == (160, 90)
    assert abs(luma[80, 5] - 65) < 12, "the left end of the picture is there"
    assert abs(luma[80, 84] - 49) < 12, "and its right end"
    assert luma[10].max() < 50, "what is above it is dark"


def test_a_picture_of_nearly_the_same_shape_fills_the_frame() -> None:
    assert fits((1600, 1000), (1280, 720))
    assert fits((4, 5), (9, 16))
