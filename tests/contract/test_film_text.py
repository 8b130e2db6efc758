"""Cards and captions of films, as a player shows them: to the frame, in the picture and as a track of their own."""

import hashlib
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from infra.adapters import Adapters
from infra.media.lettering import draw_card
from schemas.ports import FilmEditor, Segment
from schemas.wire.film_parts import Captions
from tests.unit.media_clips import Film, play

SIZE = (320, 180)
GREY = 50
FPS = 24
SCRIPT = "Grüße & <b>Küsse</b>, {\\an8} 今日は 😀. Another sentence follows the first one, and it is somewhat longer."


@pytest.fixture
async def editor() -> AsyncIterator[FilmEditor]:
    async with Adapters() as adapters:
        yield await adapters.film_editor()


def clip(folder: Path, seconds: float = 4.0, **more: Any) -> Path:
    return Film(seconds=seconds, size=SIZE, **{"flashes": (0.5,), **more}).write(folder / "one.mp4")


def segment(path: Path, start_ms: int, length_ms: int, **more: Any) -> Segment:
    return Segment(clip=path, trim_ms=0, start_ms=start_ms, length_ms=length_ms, **more)


def pictures(path: Path) -> list[Any]:
    """The luma of each frame."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray()[: frame.height].astype(int) for frame in container.decode(video=0)]


def track(path: Path) -> list[tuple[Fraction, Fraction, str]]:
    """Start, end and words of each caption of the track."""
    found = list[tuple[Fraction, Fraction, str]]()
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams.subtitles[0]):
            if (words := bytes(packet)[2:].decode()) and packet.pts is not None and packet.time_base:
                ends = packet.pts + (packet.duration or 0)
                found.append((packet.pts * packet.time_base, ends * packet.time_base, words))
    return found


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def has_words(picture: Any) -> bool:
    """Return whether white letters are in the lower part of a grey frame."""
    return bool((picture[picture.shape[0] * 2 // 3 :] > 200).sum() > 30)


async def test_embedded_captions_are_where_the_scenes_are(editor: FilmEditor, tmp_path: Path) -> None:
    one, to = clip(tmp_path, flashes=()), tmp_path / "film.mp4"
    segments = [segment(one, 0, 710), segment(one, 710, 4000, script=SCRIPT), segment(one, 4710, 1000, script="End.")]
    probe = await editor.join(segments, to=to, captions=Captions(sidecar=("vtt", "srt")))
    found = track(to)
    assert " ".join(words.replace("\n", " ") for *_, words in found) == f"{SCRIPT} End."
    begins, ends = found[0][0], found[-1][1]
    assert [int(moment * FPS) for moment in (begins, found[-1][0], ends)] == [17, 113, probe.frames]
    assert [end for _, end, _ in found[:-1]] == [start for start, _, _ in found[1:]]
    assert (tmp_path / "film.vtt").read_text().count("-->") == len(found)
    assert (tmp_path / "film.srt").read_text().count("-->") == len(found)
    assert not any(has_words(picture) for picture in pictures(to)), "nothing was asked to be drawn"


async def test_burnt_in_captions_are_in_the_frames_of_their_scene_alone(editor: FilmEditor, tmp_path: Path) -> None:
    one, to = clip(tmp_path, flashes=()), tmp_path / "film.mp4"
    segments = [segment(one, 0, 1000), segment(one, 1000, 2000, script="A caption."), segment(one, 3000, 500)]
    captions = Captions(embed=False, burn_in=True)
    probe = await editor.join(segments, to=to, captions=captions)
    shown = [number for number, picture in enumerate(pictures(to)) if has_words(picture)]
    assert shown == list(range(24, 72))
    assert probe.frames == 84
    with av.open(str(to)) as container:
        assert not container.streams.subtitles
    assert files_in(tmp_path) == ["film.mp4", "one.mp4"], "no file beside it was asked for"


async def test_a_card_is_shown_for_its_time_and_is_silent(editor: FilmEditor, tmp_path: Path) -> None:
    one, to = clip(tmp_path), tmp_path / "film.mp4"
    card = tmp_path / "no such file"
    segments = [
        segment(card, 0, 1500, card="Spring"),
        segment(one, 1500, 2000),
        segment(card, 3250, 1000, card="The end", kind="crossfade", fade_ms=250),
    ]
    probe = await editor.join(segments, to=to)
    seen, heard = pictures(to), play(to)
    assert (probe.frames, probe.width, probe.height) == (102, *SIZE)
    assert np.abs(seen[1] - seen[34]).mean() < 1, "a card stands still"
    assert (seen[10] > 220).sum() > 200, "white letters"
    drawn = draw_card("Spring", *SIZE).to_ndarray()
    with av.open(str(to)) as container:
        shown = next(container.decode(video=0)).to_ndarray()
    assert np.abs(shown.astype(int) - drawn.astype(int)).mean() < 2, "the colours are those of the drawing"
    assert abs(seen[40].mean() - GREY) < 8
    assert np.abs(seen[40] - seen[10]).mean() > 10
    assert heard.flashes == pytest.approx([2.0], abs=1 / FPS)
    assert heard.beeps == pytest.approx([2.0], abs=1 / FPS)
    assert files_in(tmp_path) == ["film.mp4", "one.mp4"]


async def test_cards_and_captions_are_the_same_bytes_again(editor: FilmEditor, tmp_path: Path) -> None:
    one = clip(tmp_path)
    segments = [segment(one, 0, 500, card="Spring"), segment(one, 500, 2000, script=SCRIPT, chapter="One")]
    digests = set()
    for name in ("a", "b"):
        captions = Captions(sidecar=("vtt", "srt"), burn_in=True)
        await editor.join(segments, to=tmp_path / f"{name}.mp4", captions=captions)
        made = (hashlib.sha256((tmp_path / f"{name}.{kind}").read_bytes()).digest() for kind in ("mp4", "vtt", "srt"))
        digests.add(tuple(made))
    assert len(digests) == 1


async def test_without_a_script_there_are_no_captions(editor: FilmEditor, tmp_path: Path) -> None:
    one, to = clip(tmp_path), tmp_path / "film.mp4"
    await editor.join([segment(one, 0, 1000)], to=to, captions=Captions(sidecar=("vtt",), burn_in=True))
    with av.open(str(to)) as container:
        assert not container.streams.subtitles
    assert not (tmp_path / "film.vtt").exists()


@pytest.mark.parametrize(
    "text",
    ["\U0010fffe", "\u202e<b>\x1b[31m\x00abc", "Z\u0351\u036b\u0343" * 30, "\ufdfd" * 120, "W" * 120, "👩‍👧" * 30],
)
async def test_a_card_of_any_text_is_drawn(text: str) -> None:
    width, height = SIZE
    assert draw_card(text, height, width).to_ndarray().shape == (width * 3 // 2, height)


@pytest.mark.parametrize("size", [(64, 48), (180, 320), (66, 50)])
async def test_any_size_of_a_film_has_room_for_words(editor: FilmEditor, tmp_path: Path, size: tuple[int, int]) -> None:
    one = Film(seconds=1.0, size=size).write(tmp_path / "one.mp4")
    segments = [segment(one, 0, 500, card="散歩に行きましょう" * 13), segment(one, 500, 1000, script="W" * 42)]
    probe = await editor.join(segments, to=tmp_path / "film.mp4", captions=Captions(burn_in=True))
    assert (probe.width, probe.height, probe.frames) == (*size, 36)
