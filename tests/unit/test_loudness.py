"""Loudness and limiting by the numbers of the standards."""

import numpy as np
import pytest

from infra.media.loudness import limit_peaks, measure_loudness, to_frames
from tests.contract.sounds import Sound, listen, noise, tone


@pytest.mark.parametrize("level_db", [-23, -33])
def test_the_tone_of_ebu_tech_3341_measures_as_it_says(level_db: float) -> None:
    """A stereo tone of 1 kHz whose peak is -23 dBFS has -23 LUFS (cases 1 and 2 of the document)."""
    found = measure_loudness(to_frames([tone(20, 1000, level_db - 3.01)]))
    assert found.lufs == pytest.approx(level_db, abs=0.1)
    assert found.peak_dbtp == pytest.approx(level_db, abs=0.2)


@pytest.mark.parametrize("sound", [np.zeros((2, 48_000), np.float32), noise(1, -90)])
def test_silence_has_no_loudness(sound: Sound) -> None:
    assert measure_loudness(to_frames([sound])).lufs is None


def test_nothing_is_measured_of_nothing() -> None:
    found = measure_loudness([])
    assert (found.lufs, found.peak_dbtp) == (None, -120)


def test_a_limiter_keeps_length_and_place_and_what_is_below_the_ceiling() -> None:
    """Blocks of uneven length go in."""
    given = noise(1, -30)
    given[:, 24_000:24_050] += 2
    blocks = np.split(given, [1000, 1024, 20_000, 47_999], axis=1)
    out = np.concatenate([frame.to_ndarray() for frame in limit_peaks(to_frames(blocks), -6)], axis=1)
    assert out.shape == given.shape
    assert listen(out).peak_dbtp < -5
    assert np.abs(out - given)[:, :20_000].max() < 0.01
    assert abs(int(np.abs(out).max(axis=0).argmax()) - 24_025) < 48
