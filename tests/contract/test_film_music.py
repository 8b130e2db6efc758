"""What every editor of films promises of the music under a film."""

import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.adapters import Adapters
from schemas.errors import Invalid
from schemas.ports import FilmEditor, FilmMusicBed, FilmSound, Segment
from tests.contract.sounds import RATE_HZ, Sound, level_of, listen, noise, read_sound, tone, write_clip, write_music

HERTZ = 6000
"""Of the music: nothing else in the films of these tests is near it."""


@pytest.fixture
async def editor() -> AsyncIterator[FilmEditor]:
    async with Adapters() as adapters:
        yield await adapters.film_editor()


def voice(seconds: float, level_db: float = -20) -> Sound:
    return noise(seconds, level_db, highest_hz=3000)


def silence(seconds: float) -> Sound:
    return np.zeros((2, round(seconds * RATE_HZ)), np.float32)


def scenes_of(folder: Path, *sounds: Sound) -> list[Segment]:
    segments, start_ms = [], 0
    for number, sound in enumerate(sounds):
        length_ms = round(sound.shape[1] / RATE_HZ * 1000)
        clip = write_clip(folder / f"{number}.mp4", sound)
        segments.append(Segment(clip=clip, trim_ms=0, length_ms=length_ms, start_ms=start_ms))
        start_ms += length_ms
    return segments


def sound_with(file: Path, *, lufs: float | None = -16, **more: Any) -> FilmSound:
    bed = FilmMusicBed(**{"file": file, "gain_db": -6, "ducks": True, "fade_ms": 0, **more})
    return FilmSound(loudness_lufs=lufs, music=bed)


async def heard(editor: FilmEditor, folder: Path, segments: list[Segment], sound: FilmSound) -> Sound:
    to = folder / "film.mp4"
    probe = await editor.join(segments, to=to, sound=sound)
    seconds = segments[-1].ends_ms / 1000
    assert probe.frames == round(seconds * 24)
    assert probe.duration_seconds == pytest.approx(seconds)
    return read_sound(to)[:, : round(seconds * RATE_HZ)]


def levels(sound: Sound, *spans: tuple[float, float]) -> list[float]:
    return [level_of(sound[:, round(begin * RATE_HZ) : round(end * RATE_HZ)], HERTZ) for begin, end in spans]


async def test_music_is_lower_under_a_voice_and_comes_back(editor: FilmEditor, tmp_path: Path) -> None:
    music = write_music(tmp_path / "music.mp3", tone(6, HERTZ))
    segments = scenes_of(tmp_path, silence(2), voice(2), silence(2))
    film = await heard(editor, tmp_path, segments, sound_with(music))
    before, under, after = levels(film, (0.5, 1.9), (2.5, 3.9), (5, 5.9))
    assert after == pytest.approx(before, abs=0.5)
    assert before - under > 10
    assert listen(film).lufs == pytest.approx(-16, abs=1)


async def test_music_is_as_far_below_the_scenes_as_its_gain_says(editor: FilmEditor, tmp_path: Path) -> None:
    """Whatever its own loudness is; and scenes that are not normalised get the file as it is."""
    segments = scenes_of(tmp_path, voice(2))
    spoken = await heard(editor, tmp_path, segments, FilmSound(loudness_lufs=-16))
    music = write_music(tmp_path / "music.wav", tone(2, HERTZ, -40), codec="pcm_s16le", kind="wav")
    film = await heard(editor, tmp_path, segments, sound_with(music, ducks=False, gain_db=-12))
    assert listen(film - spoken).lufs == pytest.approx(-28, abs=1.5)
    raw = await heard(editor, tmp_path, segments, sound_with(music, lufs=None, ducks=False, gain_db=-12))
    assert levels(raw, (0.5, 1.5)) == pytest.approx([-52], abs=1)


async def test_short_music_is_repeated_without_a_click_and_fades_at_both_ends(
    editor: FilmEditor, tmp_path: Path
) -> None:
    music = write_music(tmp_path / "music.flac", tone(1.3, HERTZ), codec="flac", kind="flac")
    film = await heard(editor, tmp_path, scenes_of(tmp_path, silence(8)), sound_with(music, fade_ms=2000))
    quarters = levels(film, *((at / 4, at / 4 + 0.25) for at in range(32)))
    assert (quarters[0] < quarters[8] - 15, quarters[-1] < quarters[8] - 15) == (True, True)
    assert quarters[:8] == sorted(quarters[:8])
    assert quarters[-8:] == sorted(quarters[-8:], reverse=True)
    assert quarters[8:-8] == pytest.approx([quarters[8]] * 16, abs=1)
    steps = np.abs(np.diff(film[0, 3 * RATE_HZ : 5 * RATE_HZ], 2))
    assert steps.max() < 1.5 * np.median(np.sort(steps)[-1000:]), "a click would be a leap in the wave"


async def test_music_is_heard_in_a_film_whose_scenes_have_no_sound(editor: FilmEditor, tmp_path: Path) -> None:
    music = write_music(tmp_path / "music.ogg", tone(3, HERTZ), codec="libopus", kind="ogg")
    film = await heard(editor, tmp_path, scenes_of(tmp_path, silence(2), silence(2)), sound_with(music))
    assert levels(film, (1, 3))[0] > -25
    assert listen(film).lufs == pytest.approx(-16, abs=1)


async def test_the_same_music_makes_the_same_bytes(editor: FilmEditor, tmp_path: Path) -> None:
    segments, sound = scenes_of(tmp_path, voice(2)), sound_with(write_music(tmp_path / "m.mp3", tone(1.5, 700)))
    digests = set()
    for name in ("a.mp4", "b.mp4"):
        await editor.join(segments, to=tmp_path / name, sound=sound)
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1


async def test_music_that_is_none_is_invalid_and_leaves_nothing(editor: FilmEditor, tmp_path: Path) -> None:
    music = tmp_path / "music.mp3"
    music.write_bytes(b"ID3" + b"no music at all" * 1000)
    segments = scenes_of(tmp_path, voice(1))
    with pytest.raises(Invalid, match="the music can't be read"):
        await editor.join(segments, to=tmp_path / "film.mp4", sound=sound_with(music))
    assert sorted(os.listdir(tmp_path)) == ["0.mp4", "music.mp3"]
