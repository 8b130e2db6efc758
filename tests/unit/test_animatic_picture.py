"""Reference pictures: every kind that a browser or a camera makes, and those that would harm us."""

import random
import struct
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageDraw

from infra.animatic import picture
from infra.animatic.camera import Move, fits, set_stage
from schemas.errors import Invalid
from schemas.services.image_header import image_kind
from tests.images import chunk

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


def test_a_picture_of_many_pixels_takes_little_memory(tmp_path: Path) -> None:
    """In a process of its own: what is measured is the most that it ever held."""
    picture_file = tmp_path / "picture"
    code = (
        "import sys; from pathlib import Path; from infra.animatic.render import picture\n"
        "peak = lambda: next(int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('VmHWM:'))\n"
        "before = peak(); picture.decode(Path(sys.argv[1]).read_bytes()); print(peak() - before)"
    )
    picture_file.write_bytes(stored(Image.new("RGBA", (5000, 5000), (9, 8, 7, 200)), "PNG", compress_level=1))
    done = subprocess.run([sys.executable, "-c", code, picture_file], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 250_000, "kB: two and a half times the picture's own 100 MB; it used to be six times"


def with_chunk(png: bytes, kind: bytes, data: bytes) -> bytes:
    """One more chunk behind the header."""
    return png[:33] + chunk(kind, data) + png[33:]


def with_broken_checksum(png: bytes) -> bytes:
    return png.replace(chunk(b"tEXt", b"Comment\0hello"), chunk(b"tEXt", b"Comment\0hello")[:-4] + bytes(4))


PNG = stored(halves(), "PNG")
_TEXT = zlib.compress(b"{}" * 1_000_000)
METADATA = {
    "a compressed text": (b"zTXt", b"workflow\0\0" + _TEXT),
    "an international text": (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + _TEXT),
    "a text that is not compressed": (b"zTXt", b"workflow\0\0not deflated"),
    "a text without an end": (b"tEXt", b"x" * 3_000_000),
    "a text bomb": (b"zTXt", b"bomb\0\0" + zlib.compress(bytes(30_000_000))),
    "a huge profile": (b"iCCP", b"icc\0\0" + zlib.compress(bytes(20_000_000))),
    "a profile of nothing": (b"iCCP", b"icc\0\0"),
    "a profile that is none": (b"iCCP", b"icc\0\0" + zlib.compress(b"profile" * 99)),
    "broken orientation": (b"eXIf", b"MM\0*\xff\xff\xff\xff"),
    "an orientation of no kind": (b"eXIf", b"orientation"),
    "transparency of another kind": (b"tRNS", b"\0"),
    "a physical size of nothing": (b"pHYs", b""),
    "a time": (b"tIME", b"\xff" * 7),
    "a private chunk": (b"vpAg", b"private"),
    "suggested palette": (b"sPLT", b"x"),
    "gamma of nothing": (b"gAMA", b""),
}


@pytest.mark.parametrize(("kind", "data"), METADATA.values(), ids=METADATA)
def test_metadata_concerns_nobody(kind: bytes, data: bytes) -> None:
    png = with_chunk(PNG, kind, data)
    assert image_kind(png) == "png"
    image = picture.decode(png)
    assert (image.size, image.getpixel((10, 20)), image.getpixel((50, 20))) == ((60, 40), RED, BLUE)


def test_the_checksum_of_a_text_concerns_nobody_and_that_of_the_pixels_does() -> None:
    png = with_broken_checksum(with_chunk(PNG, b"tEXt", b"Comment\0hello"))
    assert image_kind(png) == "png"
    assert picture.decode(png).getpixel((10, 20)) == RED
    at = PNG.index(b"IDAT") + 20
    broken = PNG[:at] + bytes([PNG[at] ^ 1]) + PNG[at + 1 :]
    with pytest.raises(Invalid, match="cut off or broken"):
        image_kind(broken)
    with pytest.raises(ValueError, match="cut off or broken"):
        picture.decode(broken)


def test_half_the_pixels_in_a_whole_file_are_seen_by_the_door() -> None:
    header, rows = struct.pack(">IIBBBBB", 60, 40, 8, 2, 0, 0, 0), zlib.compress((b"\0" + bytes(180)) * 20)
    half = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    with pytest.raises(Invalid, match="cut off or broken"):
        image_kind(half)
    with pytest.raises(ValueError, match="cut off or broken"):
        picture.decode(half)


def test_half_a_photograph_is_refused_though_its_thumbnail_has_an_end() -> None:
    photograph = stored(noise(), "JPEG", progressive=True)
    with_thumbnail = photograph[:2] + b"\xff\xe5" + struct.pack(">H", 2 + len(photograph)) + photograph
    whole = with_thumbnail + photograph[2:]
    assert image_kind(whole) == "jpg"
    for cut in (whole[: len(whole) * 3 // 4], whole[:-2], whole[: len(with_thumbnail)]):
        with pytest.raises(Invalid, match="cut off or broken"):
            image_kind(cut)
        with pytest.raises(ValueError, match="cut off or broken"):
            picture.decode(cut)


def noise(size: tuple[int, int] = (64, 48)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(5).integers(0, 256, (size[1], size[0], 3), np.uint8))


def test_bytes_behind_the_end_concern_nobody() -> None:
    for format_, behind in (("PNG", bytes(999)), ("JPEG", b"\xff\xd8\xff" + bytes(999)), ("WEBP", b"trailer" * 9)):
        data = stored(halves(), format_) + behind
        assert image_kind(data)
        assert picture.decode(data).size == (60, 40)


def test_a_picture_with_others_behind_it_is_the_first() -> None:
    data = stored(halves(), "MPO", save_all=True, append_images=[noise()])
    assert image_kind(data) == "jpg"
    assert near(picture.decode(data).getpixel((10, 20)), RED)


@pytest.mark.parametrize("jpeg", [b"\xff\xc3", b"\xff\xc9"], ids=["lossless", "arithmetic"])
def test_a_jpeg_that_browsers_do_not_show_is_refused(jpeg: bytes) -> None:
    data = stored(halves(), "JPEG").replace(b"\xff\xc0", jpeg)
    with pytest.raises(Invalid, match="reference_image must be an image that browsers show"):
        image_kind(data)


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP"])
def test_what_the_door_lets_in_is_drawn_or_refused_in_a_sentence(format_: str) -> None:
    whole, dice = stored(noise(), format_), random.Random(7)
    for _ in range(150):
        broken = bytearray(whole)
        for _ in range(dice.randrange(1, 4)):
            broken[dice.randrange(len(broken))] = dice.randrange(256)
        try:
            image_kind(bytes(broken))
        except Invalid:
            continue
        words = refusal(bytes(broken))
        assert words is None or (words.startswith("The reference image ") and "object at" not in words)


def refusal(data: bytes) -> str | None:
    try:
        picture.decode(data)
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.parametrize("parts", [b"\xff" * 3_000_000, b"\xff\0" * 1_500_000, b"\xff\xe0\0\x02" * 750_000])
def test_a_door_is_not_held_up_by_many_small_parts(parts: bytes) -> None:
    with pytest.raises(Invalid, match="cut off or broken"):
        image_kind(b"\xff\xd8" + parts)
    with pytest.raises(Invalid, match="cut off or broken"):
        image_kind(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13)) + chunk(b"teXt", b"") * 100_000)


KINDS: dict[str, tuple[str, dict[str, object]]] = {
    "1": ("PNG", {}),
    "L": ("PNG", {}),
    "LA": ("PNG", {}),
    "P": ("PNG", {"transparency": 0}),
    "I;16": ("PNG", {}),
    "RGB": ("PNG", {"transparency": (1, 2, 3)}),
    "RGBA": ("WEBP", {"lossless": True}),
    "CMYK": ("JPEG", {"quality": 95}),
}


@pytest.mark.parametrize("mode", KINDS)
def test_a_large_picture_of_every_kind_is_made_smaller(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "_ENOUGH_PIXELS", 60_000)
    format_, options = KINDS[mode]
    large = halves().resize((603, 401), Image.Resampling.NEAREST)
    large = (
        Image.fromarray(np.asarray(large.convert("L")).astype(np.uint16) << 8)
        if mode == "I;16"
        else large.convert(mode, dither=Image.Dither.NONE)
    )
    expected = picture.decode(stored(large.crop((0, 0, 60, 40)), format_, **options)).getpixel((5, 5))
    image = picture.decode(stored(large, format_, **options))
    assert image.size in ((301, 200), (302, 201))
    assert near(image.getpixel((40, 40)), expected, within=6)  # type: ignore[arg-type]
    assert near(image.getpixel((40, 190)), expected, within=6)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("depth", "colour", "key", "row"),
    [(2, 0, b"\0\1", b"\x74"), (4, 0, b"\0\5", b"\x5f\x5f"), (16, 0, b"\x12\x34", b"\x12\x34\xff\xff" * 2)],
)
def test_a_clear_colour_is_read_in_the_bits_of_the_picture(depth: int, colour: int, key: bytes, row: bytes) -> None:
    """Four pixels: clear, light, clear, something."""
    header = struct.pack(">IIBBBBB", 4, 1, depth, colour, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"tRNS", key), (b"IDAT", zlib.compress(b"\0" + row)), (b"IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in chunks)
    assert image_kind(png) == "png"
    first, second, third, _ = picture.decode(png).get_flattened_data()
    assert first == third != second


@pytest.mark.parametrize("ink", [(0, 0, 0), (60, 60, 60), (128, 128, 128), (235, 235, 235), (255, 255, 255)])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_a_drawing_on_a_clear_ground_differs_from_its_paper(ink: tuple[int, int, int], mode: str) -> None:
    drawing = Image.new("RGBA", (320, 180), (0, 0, 0, 0))
    ImageDraw.Draw(drawing).rectangle([100, 60, 220, 120], fill=(*ink, 255))
    flat = picture.decode(stored(drawing.convert(mode), "PNG")).convert("L")
    difference = abs(int(flat.getpixel((160, 90))) - int(flat.getpixel((20, 20))))  # type: ignore[arg-type]
    assert difference >= 60


def test_black_and_white_on_a_clear_ground_are_both_seen() -> None:
    drawing = Image.new("RGBA", (320, 180), (0, 0, 0, 0))
    ImageDraw.Draw(drawing).rectangle([20, 60, 80, 120], fill=(0, 0, 0, 255))
    ImageDraw.Draw(drawing).rectangle([100, 60, 160, 120], fill=(255, 255, 255, 255))
    flat = picture.decode(stored(drawing, "PNG")).convert("L")
    black, white, paper = (int(flat.getpixel(at)) for at in ((50, 90), (130, 90), (300, 10)))  # type: ignore[arg-type]
    assert min(paper - black, white - paper) >= 60


def profile(space: str) -> bytes:
    """A profile under which the same numbers look different: of wide colours, or of another curve."""
    made: bytes = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    if space == "LAB":
        made = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    red, green = made.index(b"rXYZ") if b"rXYZ" in made else 0, made.index(b"gXYZ") if b"gXYZ" in made else 0
    return made[:red] + b"gXYZ" + made[red + 4 : green] + b"rXYZ" + made[green + 4 :] if red and green else made


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP"])
def test_a_colour_profile_is_obeyed(format_: str) -> None:
    """Under a profile whose red is green, a red picture is green."""
    options: dict[str, object] = {"lossless": True} if format_ == "WEBP" else {}
    data = stored(Image.new("RGB", (64, 64), (230, 20, 20)), format_, icc_profile=profile("RGB"), **options)
    red, green, _ = picture.decode(data).getpixel((32, 32))  # type: ignore[misc]
    assert green > 180
    assert red < 120


@pytest.mark.parametrize("broken", [b"", b"no profile", profile("RGB")[:200], profile("LAB")])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_profile_that_says_nothing_of_the_picture_is_ignored(broken: bytes, mode: str) -> None:
    image = halves(mode)
    decoded = picture.decode(stored(image, "PNG", icc_profile=broken))
    assert decoded.getpixel((10, 20)) == image.convert("RGB").getpixel((10, 20))
