"""What a `Provenance` promises: the manifests of sources are kept in what is made of them, and no file does harm."""

import asyncio
import filecmp
import os
import random
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from infra.media.editor import assemble
from infra.media.film_editor import FileFilmEditor
from infra.provenance.certificate import open_certificate
from infra.provenance.keeper import C2paProvenance
from infra.provenance.manifest import has_manifest
from schemas.ports import NotSigned, Provenance, Segment, SourcePart
from tests.support.signing import GENERATED, PARTLY_GENERATED, make_signer, read_manifest, write_signed
from tests.unit.media_clips import Film

BOX = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
MODEL, STUDIO = make_signer(), make_signer()


@pytest.fixture(scope="module")
def provenance() -> Iterator[Provenance]:
    """The real one: its child is kept for all tests of this file."""
    keeper = C2paProvenance(open_certificate(STUDIO.settings))
    yield keeper
    asyncio.run(keeper.aclose())


@pytest.fixture
async def without_certificate() -> AsyncIterator[Provenance]:
    keeper = C2paProvenance(None)
    yield keeper
    await keeper.aclose()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of a model, with its manifest."""
    return write_signed(tmp_path_factory.mktemp("clips") / "clip.mp4", MODEL, seconds=2)


def cut(clip: Path, to: Path, seconds: int = 1) -> Path:
    assemble([clip], duration_seconds=seconds, to=to)
    return to


async def sign(provenance: Provenance, made: Path, *sources: Path, is_composite: bool = False) -> None:
    parts = [SourcePart(file=source) for source in sources]
    await provenance.sign(made, parts, is_composite=is_composite, adds_more=False)


async def test_a_cut_names_the_clip_that_it_is_of(provenance: Provenance, clip: Path, tmp_path: Path) -> None:
    made = cut(clip, tmp_path / "made.mp4")
    assert await provenance.is_kept(made, [clip]) is False
    await sign(provenance, made, clip)
    assert await provenance.is_kept(made, [clip]) is True
    assert read_manifest(made).state == "Valid"
    shown = read_manifest(made, MODEL, STUDIO)
    assert (shown.state, shown.count, shown.generator["name"]) == ("Trusted", 2, "reelbus")
    assert [each["relationship"] for each in shown.ingredients] == ["parentOf"]
    assert shown.done[:2] == ["c2pa.opened", "c2pa.trimmed"]
    assert GENERATED in shown.text, "the manifest of the model is in it"
    assert os.listdir(tmp_path) == ["made.mp4"]


@pytest.mark.parametrize(("film", "done"), [({}, "c2pa.repackaged"), ({"pixels": "yuv444p"}, "c2pa.transcoded")])
async def test_it_says_whether_the_picture_was_encoded_again(
    film: dict[str, str], done: str, provenance: Provenance, tmp_path: Path
) -> None:
    source = write_signed(tmp_path / "clip.mp4", MODEL, seconds=1, container={}, **film)
    made = cut(source, tmp_path / "made.mp4")
    await sign(provenance, made, source)
    assert read_manifest(made).done == ["c2pa.opened", done]


async def test_clips_that_were_joined_are_all_named(provenance: Provenance, clip: Path, tmp_path: Path) -> None:
    made, other = tmp_path / "made.mp4", write_signed(tmp_path / "other.mp4", MODEL, seconds=1)
    assemble([clip, other, clip], duration_seconds=4, to=made)
    await sign(provenance, made, clip, other, clip, is_composite=True)
    shown = read_manifest(made)
    assert [each["relationship"] for each in shown.ingredients] == ["componentOf"] * 2
    placed = ["c2pa.placed"] * 3
    assert shown.done == ["c2pa.created", *placed, "c2pa.trimmed", "c2pa.transcoded"]
    assert shown.actions[0]["digitalSourceType"] == GENERATED
    urls = [action["parameters"]["ingredients"][0]["url"] for action in shown.actions[1:4]]
    assert (urls[0] == urls[2], len(set(urls))) == (True, 2)


async def test_a_film_says_when_it_shows_each_scene(provenance: Provenance, clip: Path, tmp_path: Path) -> None:
    edited, plain, to = tmp_path / "edited.mp4", Film(seconds=1).write(tmp_path / "plain.mp4"), tmp_path / "film.mp4"
    await sign(provenance, cut(clip, edited), clip)
    scenes = [(clip, 0.0, 2.0), (edited, 2.0, 2.5), (plain, 2.5, 3.5)]
    segments = [
        Segment(clip=file, trim_ms=0, start_ms=int(begin * 1000), length_ms=int((end - begin) * 1000))
        for file, begin, end in scenes
    ]
    await FileFilmEditor().join(segments, to=to)
    parts = [SourcePart(file=file, shown_s=(begin, end)) for file, begin, end in scenes]
    await provenance.sign(to, parts, is_composite=True, adds_more=False)
    shown = read_manifest(to, MODEL, STUDIO)
    assert (shown.state, shown.count, len(shown.ingredients)) == ("Trusted", 3, 3), (
        "the manifest of the clip is there once"
    )
    assert shown.actions[0]["digitalSourceType"] == PARTLY_GENERATED, "one scene has no manifest"
    assert [place["action"] for place in shown.actions[1:]] == [
        "c2pa.placed",
        "c2pa.trimmed",
        "c2pa.placed",
        "c2pa.placed",
        "c2pa.transcoded",
    ]
    regions = [action["changes"][0]["region"][0]["time"] for action in shown.actions if "changes" in action]
    assert [(each["start"], each["end"]) for each in regions] == [("0", "2"), ("2", "2.5"), ("2.5", "3.5")]


@pytest.mark.parametrize(
    ("source_type", "adds_more", "expected"),
    [
        (GENERATED, False, GENERATED),
        (GENERATED, True, PARTLY_GENERATED),
        (PARTLY_GENERATED, False, PARTLY_GENERATED),
        ("http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture", False, "composite"),
    ],
)
async def test_what_a_model_made_stays_marked_as_such(
    source_type: str, adds_more: bool, expected: str, provenance: Provenance, tmp_path: Path
) -> None:
    source = write_signed(tmp_path / "clip.mp4", MODEL, seconds=2, source_type=source_type)
    made = cut(source, tmp_path / "made.mp4")
    await provenance.sign(made, [SourcePart(file=source)], is_composite=True, adds_more=adds_more)
    assert read_manifest(made).actions[0]["digitalSourceType"].endswith(expected)


async def test_a_copy_of_the_clip_keeps_its_manifest_and_gets_no_other(
    provenance: Provenance, clip: Path, tmp_path: Path
) -> None:
    made = cut(clip, tmp_path / "made.mp4", seconds=2)
    await sign(provenance, made, clip)
    assert filecmp.cmp(made, clip, shallow=False)
    assert await provenance.is_kept(made, [clip]) is True


async def test_a_copy_of_one_of_two_clips_claims_nothing_about_the_other(
    provenance: Provenance, clip: Path, tmp_path: Path
) -> None:
    plain = Film(seconds=1).write(tmp_path / "plain.mp4")
    made = tmp_path / "made.mp4"
    made.write_bytes(plain.read_bytes())
    await sign(provenance, made, clip, plain, is_composite=True)
    assert made.read_bytes() == plain.read_bytes()


async def test_nothing_is_signed_if_no_source_has_a_manifest(provenance: Provenance, tmp_path: Path) -> None:
    plain = Film(seconds=2).write(tmp_path / "plain.mp4")
    made = cut(plain, tmp_path / "made.mp4")
    before = made.read_bytes()
    await sign(provenance, made, plain)
    assert (made.read_bytes() == before, await provenance.is_kept(made, [plain])) == (True, None)


async def test_without_a_certificate_the_loss_is_said(
    without_certificate: Provenance, clip: Path, tmp_path: Path
) -> None:
    made = cut(clip, tmp_path / "made.mp4")
    before = made.read_bytes()
    with pytest.raises(NotSigned, match="REELBUS_C2PA_CERTIFICATE is not set"):
        await sign(without_certificate, made, clip)
    assert (made.read_bytes() == before, await without_certificate.is_kept(made, [clip])) == (True, False)


def flip_a_bit(video: Path) -> None:
    data = bytearray(video.read_bytes())
    data[data.rfind(b"mdat") + 200] ^= 1
    video.write_bytes(data)


async def test_a_clip_that_was_changed_after_its_signature_is_named_as_invalid(
    provenance: Provenance, clip: Path, tmp_path: Path
) -> None:
    changed = Path(shutil.copy(clip, tmp_path / "changed.mp4"))
    flip_a_bit(changed)
    made = cut(clip, tmp_path / "made.mp4")
    await sign(provenance, made, changed)
    shown = read_manifest(made, MODEL, STUDIO)
    failures = shown.ingredients[0]["validation_results"]["activeManifest"]["failure"]
    assert "assertion.bmffHash.mismatch" in [failure["code"] for failure in failures]
    assert shown.state == "Trusted", "our own manifest says the truth"


def _with_store(plain: bytes, store: bytes) -> bytes:
    at, body = int.from_bytes(plain[:4]), BOX + bytes(4) + b"manifest\0" + bytes(8) + store
    return plain[:at] + (8 + len(body)).to_bytes(4) + b"uuid" + body + plain[at:]


def _nested(depth: int) -> bytes:
    box = b""
    for _ in range(depth):
        description = (33).to_bytes(4) + b"jumd" + bytes(16) + b"\x03c2pa\0\0\0\0"
        box = (8 + len(description) + len(box)).to_bytes(4) + b"jumb" + description + box
    return box


HOSTILE = {
    "noise": random.Random(7).randbytes(100_000),
    "zeros": bytes(1_000_000),
    "nested": _nested(5_000),
    "huge": (0xFFFFFFF0).to_bytes(4) + b"jumb" + bytes(100),
}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_a_hostile_manifest_does_no_harm(kind: str, provenance: Provenance, clip: Path, tmp_path: Path) -> None:
    plain = Film(seconds=2).write(tmp_path / "plain.mp4")
    hostile = tmp_path / "hostile.mp4"
    hostile.write_bytes(_with_store(plain.read_bytes(), HOSTILE[kind]))
    assert has_manifest(hostile)
    made = cut(plain, tmp_path / "made.mp4")
    before = made.read_bytes()
    with pytest.raises(NotSigned):
        await sign(provenance, made, hostile)
    assert (made.read_bytes() == before, await provenance.is_kept(made, [hostile])) == (True, False)
    await sign(provenance, made, clip)
    assert read_manifest(made).state == "Valid", "and the next video is signed"
    assert not (tmp_path / "made.mp4.signed").exists()


async def test_no_title_and_no_name_of_a_file_gets_into_the_manifest(
    provenance: Provenance, clip: Path, tmp_path: Path
) -> None:
    secret = Path(shutil.copy(clip, tmp_path / "secret-campaign.mp4"))
    made = cut(secret, tmp_path / "made.mp4")
    await sign(provenance, made, secret)
    shown = read_manifest(made)
    assert "campaign" not in shown.text
    assert [each["title"] for each in shown.ingredients] == ["source 1"]
