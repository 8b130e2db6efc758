"""The sound bed: quiet, smooth from second to second, and in the mood that was asked for."""

import numpy as np
import pytest

from infra.animatic import sound
from infra.animatic import sound as mood

MOODS = ["calm", "upbeat", "dramatic", "tense", "sad", "dreamy", "electronic"]


def play(music: str, seed: int = 1, seconds: int = 5) -> sound.Samples:
    return np.concatenate(list(sound.blocks(mood.choose_mood(music), seed, seconds)), axis=1)


@pytest.mark.parametrize("music", MOODS)
def test_every_mood_is_audible_quiet_and_fades(music: str) -> None:
    samples = play(music)
    assert samples.shape == (2, 5 * sound.SAMPLE_RATE_HZ)
    level_db = 20 * np.log10(np.sqrt(np.mean(samples[:, 48_000:-96_000] ** 2)))
    assert -34 < level_db < -20
    assert np.abs(samples).max() < 0.4
    assert np.abs(samples[:, :200]).max() < 0.002
    assert np.abs(samples[:, -200:]).max() < 0.002


@pytest.mark.parametrize("music", MOODS)
def test_seconds_join_without_a_click(music: str) -> None:
    steps = np.abs(np.diff(play(music), axis=1))
    joins = [second * sound.SAMPLE_RATE_HZ - 1 for second in range(1, 5)]
    assert steps[:, joins].max() <= steps.max()
    assert steps.max() < 0.06


def test_moods_differ_and_seeds_differ_and_equals_are_equal() -> None:
    assert len({play(music, seconds=2).tobytes() for music in MOODS}) == len(MOODS)
    assert play("calm", 1).tobytes() == play("calm", 1).tobytes()
    assert play("calm", 1).tobytes() != play("calm", 2).tobytes()


@pytest.mark.parametrize(("music", "expected"), [("Uplifting corporate pop", "upbeat"), ("", "calm"), ("??", "calm")])
def test_words_choose_the_mood(music: str, expected: str) -> None:
    assert mood.choose_mood(music) == mood.choose_mood(expected)


@pytest.mark.parametrize("music", ["none", "No music", "silence."])
def test_no_music_is_silence(music: str) -> None:
    assert not play(music, seconds=1).any()
