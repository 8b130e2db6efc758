"""The sound of a film: a quiet pad in a mood that the words about music choose.

The sound is computed second by second, so that a long film needs no more memory.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Chord = tuple[int, ...]
"""MIDI note numbers, the bass first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mood:
    chords: tuple[Chord, ...]
    chord_s: float
    brightness: float
    """How strong each overtone is, as a share of the one below it."""
    pluck: float = 0.0
    """Level of the short notes on the beat."""
    pulse: float = 0.0
    """Level of the low drum on every second beat."""
    gain: float = 1.0
    """Makes all moods equally loud to the ear."""

    @property
    def beat_s(self) -> float:
        return self.chord_s / 4


CALM = Mood(
    chords=((48, 55, 64, 67, 71), (45, 52, 60, 64, 67), (41, 53, 60, 64, 69), (43, 50, 59, 62, 69)),
    chord_s=4.0,
    brightness=0.30,
    pluck=0.10,
    gain=2.5,
)
_UPBEAT = Mood(
    chords=((48, 55, 64, 67), (43, 55, 62, 67), (45, 57, 60, 64), (41, 53, 60, 69)),
    chord_s=2.0,
    brightness=0.42,
    pluck=0.85,
    pulse=0.5,
    gain=1.9,
)
_DRAMATIC = Mood(
    chords=((38, 50, 57, 62, 65), (34, 50, 58, 62, 65), (41, 48, 57, 60, 65), (36, 48, 55, 60, 64)),
    chord_s=3.2,
    brightness=0.46,
    pulse=1.1,
    gain=2.15,
)
_TENSE = Mood(
    chords=((36, 48, 51, 55), (36, 48, 51, 56), (36, 47, 50, 55), (36, 48, 53, 56)),
    chord_s=3.0,
    brightness=0.36,
    pulse=0.9,
    gain=2.2,
)
_SAD = Mood(
    chords=((45, 52, 60, 64, 71), (41, 53, 57, 60, 64), (48, 55, 60, 64, 67), (40, 52, 59, 62, 67)),
    chord_s=4.4,
    brightness=0.26,
    pluck=0.18,
    gain=2.55,
)
_DREAMY = Mood(
    chords=((41, 53, 60, 64, 67, 71), (43, 55, 62, 66, 69), (40, 52, 59, 62, 66), (45, 52, 59, 61, 66)),
    chord_s=4.8,
    brightness=0.34,
    pluck=0.3,
    gain=2.6,
)
_ELECTRONIC = Mood(
    chords=((45, 57, 60, 64), (41, 57, 60, 65), (48, 55, 60, 64), (43, 55, 59, 62)),
    chord_s=1.9,
    brightness=0.6,
    pluck=0.7,
    pulse=0.9,
    gain=1.75,
)

_WORDS: tuple[tuple[str, Mood], ...] = (
    (r"upbeat|happy|cheer|joy|fun|bright|pop|playful|energetic|lively|positive|uplift|optimis|motivat", _UPBEAT),
    (r"dramatic|epic|heroic|orchestra|cinematic|triumph|powerful|grand|trailer|inspir", _DRAMATIC),
    (r"tense|tension|suspens|thrill|dark|horror|scary|ominous|danger|eerie", _TENSE),
    (r"sad|melanchol|nostalg|somber|emotional|sentimental|grief|lonely|piano", _SAD),
    (r"dream|ambient|ethereal|space|magic|wonder|mysteri|atmospher|float", _DREAMY),
    (r"electro|techno|synth|beat|house|dance|futur|cyber|digital|club|edm|hip", _ELECTRONIC),
    (r"calm|soft|gentle|relax|peace|quiet|acoustic|warm|slow|lo-?fi|corporate|subtle", CALM),
)
_NONE = re.compile(r"\s*(none|no (background )?music|silence|silent|without music|n/a|-)\.?\s*")


def choose_mood(music: str) -> Mood | None:
    """Return the mood that the words name most often, calm if they name none, and None if they ask for no music."""
    plain = music.casefold()
    if _NONE.fullmatch(plain):
        return None
    counts = [len(re.findall(rf"\b(?:{words})", plain)) for words, _ in _WORDS]
    best = max(counts)
    return _WORDS[counts.index(best)][1] if best else CALM


Samples = npt.NDArray[np.float32]
"""Two rows, left and right, between -1 and 1."""

SAMPLE_RATE_HZ = 48_000
_LEVEL = 0.05
_FADE_IN_S = 0.8
_FADE_OUT_S = 1.4
_PARTIALS = 4
_DETUNE = 0.0016
_PLUCK_RINGS_S = 1.6
_DRUM_RINGS_S = 0.9
_CEILING = 0.5


def blocks(mood: Mood | None, seed: int, duration_seconds: int) -> Iterator[Samples]:
    """Yield one second of stereo at a time; without a mood it is digital silence."""
    for second in range(duration_seconds):
        if mood is None:
            yield np.zeros((2, SAMPLE_RATE_HZ), np.float32)
        else:
            yield _Bed(mood=mood, seed=seed).second(second, duration_seconds)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Bed:
    """Every sample is a function of its time alone, so that blocks are independent of each other."""

    mood: Mood
    seed: int

    def second(self, second: int, duration_seconds: int) -> Samples:
        time = second + np.arange(SAMPLE_RATE_HZ, dtype=np.float64) / SAMPLE_RATE_HZ
        mixed = self._pad(time) + self._plucks(time)
        if self.mood.pulse:
            drums, step_s = np.zeros((2, time.size)), self.mood.beat_s * 2
            for number in range(max(0, int((time[0] - _DRUM_RINGS_S) / step_s)), int(time[-1] / step_s) + 1):
                drums += _struck(58.0, time - number * step_s, 7.0)
            mixed += drums * self.mood.pulse
        # The fades take no more than half of a very short film.
        fade_in = np.clip(time / min(_FADE_IN_S, duration_seconds / 4), 0, 1)
        fade_out = np.clip((duration_seconds - time) / min(_FADE_OUT_S, duration_seconds / 3), 0, 1)
        envelope: npt.NDArray[np.float64] = np.sin(fade_in * np.pi / 2) ** 2 * np.sin(fade_out * np.pi / 2) ** 2
        level = _LEVEL * self.mood.gain * envelope
        return np.clip(mixed * level, -_CEILING, _CEILING).astype(np.float32)

    def chord(self, number: int) -> Chord:
        return self.mood.chords[(number + self.seed) % len(self.mood.chords)]

    def _pad(self, time: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Mix the chords of this time, each cross-faded with the one before."""
        length = self.mood.chord_s
        mixed = np.zeros((2, time.size))
        for number in range(int(time[0] / length) - 1, int(time[-1] / length) + 2):
            overlap = length * 0.4
            near = np.clip((time - number * length) / overlap + 0.5, 0, 1)
            far = np.clip(((number + 1) * length - time) / overlap + 0.5, 0, 1)
            share = np.sin(np.minimum(near, far) * np.pi / 2)
            if share.any():
                mixed += share * self._voices(self.chord(number), time)
        return mixed

    def _voices(self, chord: Chord, time: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Mix each note twice, a little apart in tune and in space, which makes a pad wide.

        A note is a sum of sines, and each overtone is weaker than the one below.
        """
        mixed = np.zeros((2, time.size))
        for place, note in enumerate(chord):
            swell = 0.8 + 0.2 * np.sin(time * (0.7 + 0.13 * place) + place + self.seed % 7)
            for side, tune in ((0, 1 - _DETUNE), (1, 1 + _DETUNE)):
                angle = _angle(_hertz(note) * tune, time)
                sines = np.zeros(time.size, np.float32)
                for partial in range(1, _PARTIALS + 1):
                    sines += np.float32(self.mood.brightness ** (partial - 1)) * np.sin(angle * np.float32(partial))
                tone = swell * sines.astype(np.float64)
                mixed[side] += tone
                mixed[1 - side] += 0.35 * tone
        return mixed / len(chord)

    def _plucks(self, time: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        mixed = np.zeros((2, time.size))
        if not self.mood.pluck:
            return mixed
        step = self.mood.beat_s / 2
        for number in range(max(0, int((time[0] - _PLUCK_RINGS_S) / step)), int(time[-1] / step) + 1):
            chord = self.chord(int(number * step / self.mood.chord_s + 1e-6))
            choice = (number * 5 + number // 3 + self.seed) % (len(chord) * 2)
            if choice < len(chord):
                note = chord[choice] + (12 if choice else 24)
                left = 0.5 + 0.3 * np.sin(number * 2.4)
                mixed += np.array([[left], [1 - left]]) * _struck(_hertz(note), time - number * step, 4.5)
        return mixed * self.mood.pluck


def _hertz(note: int) -> float:
    return float(440.0 * 2 ** ((note - 69) / 12))


def _struck(hertz: float, since: npt.NDArray[np.float64], decay: float) -> npt.NDArray[np.float64]:
    """Return a tone that is struck at zero: it rises quickly and decays slowly."""
    after = np.maximum(since, 0)
    shape = np.where(since >= 0, np.exp(-after * decay) * np.minimum(after / 0.006, 1), 0)
    angle = _angle(hertz, after)
    return np.asarray(shape * (np.sin(angle) + 0.25 * np.sin(angle * 2)), np.float64)


def _angle(hertz: float, time: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return the phase, reduced to one turn: then single precision, which is three times as fast, is precise enough."""
    return ((time * hertz) % 1.0 * (2 * np.pi)).astype(np.float32)
