"""What every editor of films promises of the sound: loudness, peaks, silence, and no seam that is heard."""

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from infra.adapters import Adapters
from schemas.ports import FilmEditor, FilmSound, Segment
from tests.contract.sounds import RATE_HZ, Sound, listen, noise, read_sound, tone, write_clip
from tests.unit.media_clips import play

SECONDS = 2
TARGET, LIMIT = -16.0, -1.5
NORMALISED = FilmSound(loudness_lufs=TARGET, true_peak_dbtp=LIMIT)


@pytest.fixture
async def editor() -> AsyncIterator[FilmEditor]:
    async with Adapters() as adapters:
        yield await adapters.film_editor()


def speak(level_db: float) -> Sound:
    """Three syllables a second, with pauses between."""
    at = np.arange(SECONDS * RATE_HZ) / RATE_HZ
    return np.asarray(noise(SECONDS, level_db) * (np.sin(2 * np.pi * 3 * at) > 0), np.float32)


def segments_of(folder: Path, *sounds: Sound, crossfade_ms: int = 0) -> list[Segment]:
    length_ms = SECONDS * 1000
    return [
        Segment(
            clip=write_clip(folder / f"{number}.mp4", sound),
            trim_ms=0,
            length_ms=length_ms,
            start_ms=number * (length_ms - crossfade_ms),
            kind="crossfade" if crossfade_ms and number else "cut",
            fade_ms=crossfade_ms if number else 0,
        )
        for number, sound in enumerate(sounds)
    ]


def part(sound: Sound, scene: int) -> Sound:
    """The middle of a scene."""
    start = scene * SECONDS * RATE_HZ
    return sound[:, start + RATE_HZ // 10 : start + SECONDS * RATE_HZ - RATE_HZ // 10]


async def test_scenes_fifty_db_apart_come_out_equal(editor: FilmEditor, tmp_path: Path) -> None:
    quiet, loud = noise(SECONDS, -56), np.clip(noise(SECONDS, 4), -1.2, 1.2)
    assert (listen(quiet).lufs < -49, listen(loud).lufs > 1) == (True, True)
    to = tmp_path / "film.mp4"
    probe = await editor.join(segments_of(tmp_path, quiet, speak(-30), loud), to=to, sound=NORMALISED)
    heard = read_sound(to)
    assert [listen(part(heard, scene)).lufs for scene in range(3)] == pytest.approx([TARGET] * 3, abs=1)
    assert listen(heard).lufs == pytest.approx(TARGET, abs=0.5)
    assert listen(heard).peak_dbtp <= LIMIT
    assert (probe.frames, play(to).frames) == (3 * SECONDS * 24,) * 2


async def test_a_silent_scene_stays_silent(editor: FilmEditor, tmp_path: Path) -> None:
    hiss = noise(SECONDS, -75)
    to = tmp_path / "film.mp4"
    await editor.join(segments_of(tmp_path, hiss, speak(-24)), to=to, sound=NORMALISED)
    heard = read_sound(to)
    assert part(heard, 0).std() == pytest.approx(hiss.std(), rel=0.2)
    assert listen(part(heard, 1)).lufs == pytest.approx(TARGET, abs=1)
    await editor.join(segments_of(tmp_path, np.zeros_like(hiss)), to=to, sound=NORMALISED)
    assert not read_sound(to).any()


@pytest.mark.parametrize("lufs", [None, TARGET])
async def test_no_peak_is_above_the_limit_although_none_of_its_samples_is(
    editor: FilmEditor, tmp_path: Path, lufs: float | None
) -> None:
    """Of a tone at a quarter of the sample rate, the samples can all lie 3 dB below the wave's peak."""
    at = np.arange(SECONDS * RATE_HZ)
    hidden = np.asarray([np.sin(np.pi / 2 * at + np.pi / 4)] * 2, np.float32) * np.float32(1.2)
    clicks = np.asarray([np.where(at % 24_000 < 30, 1.0, 0.002)] * 2, np.float32)
    assert np.abs(hidden).max() < 0.9 < listen(hidden).peak_dbtp + 0.9
    to = tmp_path / "film.mp4"
    sound = FilmSound(loudness_lufs=lufs, true_peak_dbtp=-3)
    await editor.join(segments_of(tmp_path, hidden, clicks), to=to, sound=sound)
    assert listen(read_sound(to)).peak_dbtp <= -3


async def test_unless_asked_for_scenes_stay_as_loud_as_they_are(editor: FilmEditor, tmp_path: Path) -> None:
    to = tmp_path / "film.mp4"
    await editor.join(segments_of(tmp_path, noise(SECONDS, -40), noise(SECONDS, -25)), to=to)
    levels = [20 * np.log10(part(read_sound(to), scene).std()) for scene in range(2)]
    assert levels == pytest.approx([-40, -25], abs=0.5)


async def test_a_crossfade_between_unequal_scenes_has_neither_dip_nor_jump(editor: FilmEditor, tmp_path: Path) -> None:
    to = tmp_path / "film.mp4"
    segments = segments_of(tmp_path, noise(SECONDS, -40), noise(SECONDS, -20, seed=2), crossfade_ms=1000)
    probe = await editor.join(segments, to=to, sound=NORMALISED)
    heard = read_sound(to)[:, : 3 * RATE_HZ]
    powers = [20 * np.log10(block.std()) for block in np.split(heard, 30, axis=1)][1:-1]
    assert probe.frames == 3 * 24
    assert max(powers) - min(powers) < 1.5
    assert max(abs(np.diff(powers))) < 1


async def test_sound_is_where_it_was(editor: FilmEditor, tmp_path: Path) -> None:
    """The meter, the limiter and the encoder each hold samples back."""
    beep = np.zeros((2, SECONDS * RATE_HZ), np.float32)
    beep[:, RATE_HZ : RATE_HZ + 4800] = tone(0.1, 1000, -20)
    to = tmp_path / "film.mp4"
    await editor.join(segments_of(tmp_path, beep, beep), to=to, sound=NORMALISED)
    heard = np.abs(read_sound(to)).max(axis=0)
    starts = [int(np.argmax(heard[at:] > 0.5 * heard.max())) + at for at in (0, SECONDS * RATE_HZ)]
    assert starts == pytest.approx([RATE_HZ, 3 * RATE_HZ], abs=48)
