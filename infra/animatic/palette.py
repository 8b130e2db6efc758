"""Colour moods: the words of a storyboard choose one, and its seed decides where the words do not."""

import re
from dataclasses import dataclass

Colour = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Palette:
    """Five colours from the darkest to the lightest. Only `accent` may be loud."""

    deep: Colour
    base: Colour
    middle: Colour
    accent: Colour
    light: Colour


def _palette(colours: str) -> Palette:
    deep, base, middle, accent, light = [(red, green, blue) for red, green, blue in map(bytes.fromhex, colours.split())]
    return Palette(deep=deep, base=base, middle=middle, accent=accent, light=light)


_MOODS: tuple[tuple[str, Palette], ...] = (
    (r"noir|black and white|monochrom|thriller|crime|gritty", _palette("0b0b0c 232326 5d5d63 e2483d f3f0ea")),
    (r"neon|cyberpunk|synthwave|club|futuristic|vaporwave", _palette("110a26 2f1a5e 7c2fa6 ff5c9e f8ebff")),
    (r"ocean|sea\b|water|beach|underwater|aqua|ice\b|winter|snow", _palette("06151e 0e3a4b 2a7f90 86e3d1 eefaf6")),
    (r"forest|green|garden|nature|jungle|eco|plant|organic", _palette("0b1711 1c3d2d 4b7d5a e6c766 f4f2e1")),
    (r"sunset|fire|warm|autumn|golden|desert|lava|sunrise", _palette("1b0f16 4d1f2d a8433a ff9f5a ffead5")),
    (r"vintage|retro|sepia|wood|coffee|western|craft|leather", _palette("1b1510 4b3928 9c7a50 f2cd94 fbf4e6")),
    (r"pastel|soft\b|dream|romantic|wedding|beauty|fashion", _palette("20121d 55324f a86b8c f7b7a3 fff0ea")),
    (r"minimal|corporate|tech|product|clean|office|modern|app\b|demo", _palette("0e1318 26333f 58708a 58c4f6 f2f6f9")),
    (r"night|space|stars?\b|midnight|moon|city|cinematic", _palette("0a0f1f 1a2a4c 3a5688 f4b84a f7f0e2")),
)


def choose(style: str, words: str, seed: int) -> Palette:
    """Choose the mood that the style names, else the one that the words name most often, else one by the seed."""
    for text in (style, words):
        counts = [len(re.findall(rf"\b(?:{names})", text.casefold())) for names, _ in _MOODS]
        if any(counts):
            return _MOODS[counts.index(max(counts))][1]
    return _MOODS[seed % len(_MOODS)][1]
