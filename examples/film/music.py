"""A music bed of our own making, under the licence of this project: four chords, and plucked notes by chance.

The chance has a fixed seed, so that the bed is always the same. It lasts eight seconds, and can be repeated.
"""

import io
import math
import random
import struct
import wave

RATE_HZ = 24_000
BEAT_S = 0.5
CHORDS = ((57, 60, 64), (53, 57, 60), (48, 52, 55), (55, 59, 62))
"""A minor, F, C and G, in the numbers of MIDI."""


def make_music() -> bytes:
    """Return the bed as a WAV file."""
    chance = random.Random(7)
    samples = [0.0] * round(4 * len(CHORDS) * BEAT_S * RATE_HZ)
    for beat in range(4 * len(CHORDS)):
        chord, at_s = CHORDS[beat // 4], beat * BEAT_S
        if beat % 4 == 0:
            for note in chord:
                add_pad(samples, note - 12, at_s)
        if chance.random() < 0.7:
            add_pluck(samples, chance.choice(chord) + 12, at_s)
    return to_wav(samples)


def add_pad(samples: list[float], note: int, at_s: float) -> None:
    """Add a note that swells for four beats."""
    length_s = 4 * BEAT_S
    add(
        samples, note, at_s, [0.09 * math.sin(math.pi * n / RATE_HZ / length_s) for n in range(int(length_s * RATE_HZ))]
    )


def add_pluck(samples: list[float], note: int, at_s: float) -> None:
    """Add a note that fades at once."""
    add(
        samples, note, at_s, [0.16 * min(1, n / 200) * math.exp(-n / RATE_HZ / 0.35) for n in range(int(1.5 * RATE_HZ))]
    )


def add(samples: list[float], note: int, at_s: float, loudness: list[float]) -> None:
    """Add a note. One that lasts beyond the end goes on at the beginning, so that the bed has no seam."""
    turn, start = 2 * math.pi * 440 * 2 ** ((note - 69) / 12) / RATE_HZ, round(at_s * RATE_HZ)
    for number, loud in enumerate(loudness):
        tone = math.sin(turn * number) + 0.3 * math.sin(2 * turn * number)
        samples[(start + number) % len(samples)] += loud * tone


def to_wav(samples: list[float]) -> bytes:
    """Return the samples as a WAV file, mono and 16 bits."""
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(struct.pack(f"<{len(samples)}h", *(round(32_000 * math.tanh(each)) for each in samples)))
    return stream.getvalue()
