"""Moods of sound: what the words about music mean for chords, tempo and colour."""

import re
from dataclasses import dataclass

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


def hear(music: str) -> Mood | None:
    """The mood that the words name most often; calm when they name none; None when they ask for no music."""
    plain = music.casefold()
    if _NONE.fullmatch(plain):
        return None
    counts = [len(re.findall(rf"\b(?:{words})", plain)) for words, _ in _WORDS]
    best = max(counts)
    return _WORDS[counts.index(best)][1] if best else CALM
