"""The camera: what a director writes about it, as a move."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

_TURNS = r"pan|truck|track|slid|sweep|swing|glid|drift|follow|orbit|arc|lateral|whip"
_RISES = r"tilt|crane|pedestal|boom|jib|rise|rising|descend|lower|lift"
_ZOOMS = r"zoom|dolly|dollies|push|pull|mov|fly|flies|close|wide|crash|approach|retreat"
_VERB = re.compile(rf"(?P<turn>{_TURNS})|(?P<rise>{_RISES})|(?P<zoom>{_ZOOMS})")
_STILL = re.compile(r"\b(static|still|locked|lock|tripod|fixed|stationary|motionless|no (camera )?move(ment)?)\b")
_PACES = (
    (re.compile(r"\b(very|extremely|ultra|super) (slow|gentl|subtl)"), 0.4),
    (re.compile(r"\b(slow|gentl|subtl|gradual|soft|smooth and slow|barely)"), 0.65),
    (re.compile(r"\b(fast|quick|rapid|whip|swift|crash|sudden|energetic|dynamic)"), 1.7),
)
_SIDEWAYS = {"left": -1, "leftward": -1, "leftwards": -1, "right": 1, "rightward": 1, "rightwards": 1}
_UPRIGHT = {"up": -1, "upward": -1, "upwards": -1, "above": -1, "down": 1, "downward": 1, "downwards": 1}
_INWARD = ("in", "into", "inward", "inwards", "toward", "towards", "closer", "forward", "forwards", "near", "nearer")
_OUTWARD = ("out", "outward", "outwards", "back", "backward", "backwards", "away", "off")
_DEPTH = dict.fromkeys(_INWARD, 1) | dict.fromkeys(_OUTWARD, -1)
_SINKING = ("descend", "lower")
_OPENING = ("pull", "wide", "retreat")


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """Which way the camera goes: each axis is -1, 0 or 1, seen from behind the camera."""

    across: int = 0
    """1 looks further right, so the picture slides left."""
    down: int = 0
    """1 looks further down."""
    closer: int = 0
    """1 comes closer, -1 backs away."""
    pace: float = 1.0


RESTING = Move(closer=1, pace=0.4)
"""What a film does when nobody said anything: it breathes."""


def parse(text: str) -> Move:
    """Read a camera direction. Words it does not know leave a very slow push in; it never fails."""
    plain = text.casefold()
    moves = list(_clauses(re.findall(r"[a-z]+", plain)))
    if not moves:
        return Move() if _STILL.search(plain) else RESTING
    pace = next((pace for words, pace in _PACES if words.search(plain)), 1.0)
    return replace(_merge(moves), pace=pace)


def _clauses(words: list[str]) -> Iterator[Move]:
    """One move for each verb, with the words up to the next verb as its direction."""
    starts = [(at, found) for at, word in enumerate(words) if (found := _VERB.match(word)) and not _is_noun(word)]
    ends = [at for at, _ in starts] + [len(words)]
    for (at, found), end in zip(starts, ends[1:], strict=True):
        yield _clause(found, _directions(words[at + 1 : end]), words[at - 1] if at else "")


def _is_noun(word: str) -> bool:
    return word in ("movement", "close", "lower", "wide", "panel", "pants", "panda", "arch", "architecture", "pancake")


def _directions(words: list[str]) -> list[str]:
    """The words that say where to; "from left to right" goes right, and "from the left" does too."""
    told = [word for at, word in enumerate(words) if "from" not in words[max(0, at - 2) : at]]
    if any(word in _SIDEWAYS for word in told):
        return told
    opposite = {"left": "right", "right": "left", "above": "down", "below": "up"}
    return told + [opposite[word] for word in words if word not in told and word in opposite]


def _clause(verb: re.Match[str], words: list[str], before: str) -> Move:
    across = _last(words, _SIDEWAYS)
    down = _last(words, _UPRIGHT)
    if verb["turn"]:
        return Move(across=across or _last([before], _SIDEWAYS) or (0 if down else 1), down=down)
    if verb["rise"]:
        return Move(across=across, down=down or (0 if across else 1 if verb["rise"] in _SINKING else -1))
    sideways = across or down
    closer = _last(words[:4], _DEPTH) or (0 if sideways else -1 if verb["zoom"] in _OPENING else 1)
    return Move(across=across, down=down, closer=closer)


def _last(words: list[str], meanings: dict[str, int]) -> int:
    return next((meanings[word] for word in reversed(words) if word in meanings), 0)


def _merge(moves: list[Move]) -> Move:
    """Several moves in one breath become one diagonal; the first word on an axis holds."""
    return Move(
        across=next((move.across for move in moves if move.across), 0),
        down=next((move.down for move in moves if move.down), 0),
        closer=next((move.closer for move in moves if move.closer), 0),
    )
