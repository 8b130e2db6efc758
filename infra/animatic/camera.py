"""The camera: parse a direction into a move, plan its path, and set the stage that it moves over.

The stage is the picture, a little larger than the frame.
"""

import re
from dataclasses import dataclass

from PIL import Image, ImageEnhance, ImageFilter

from infra.animatic.compositing import Planes, from_rgb

_TURNS = r"pan|truck|track|slid|sweep|swing|glid|drift|follow|orbit|arc|lateral|whip"
_RISES = r"tilt|crane|pedestal|boom|jib|rise|rising|descend|lower|lift"
_ZOOMS = r"zoom|dolly|dollies|push|pull|mov|fly|flies|close|wide|crash|approach|retreat"
_VERB = re.compile(rf"(?P<turn>{_TURNS})|(?P<rise>{_RISES})|(?P<zoom>{_ZOOMS})")
_NOUNS = ("movement", "close", "lower", "wide", "panel", "pants", "panda", "arch", "architecture", "pancake")
"""Words that begin like a verb and are none."""
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
"""The move without a camera direction: a very slow push in."""


def parse(text: str) -> Move:
    """Read a camera direction. Unknown words give a very slow push in; it never fails."""
    plain = text.casefold()
    words = re.findall(r"[a-z]+", plain)
    starts = [(at, found) for at, word in enumerate(words) if (found := _VERB.match(word)) and word not in _NOUNS]
    if not starts:
        return Move() if _STILL.search(plain) else RESTING
    # The words up to the next verb are the direction of a verb.
    ends = [*(at for at, _ in starts[1:]), len(words)]
    moves = [
        _move_of(verb, _directions_in(words[at + 1 : end]), words[at - 1] if at else "")
        for (at, verb), end in zip(starts, ends, strict=True)
    ]
    # Several verbs become one diagonal move; the first direction on an axis counts.
    return Move(
        across=next((move.across for move in moves if move.across), 0),
        down=next((move.down for move in moves if move.down), 0),
        closer=next((move.closer for move in moves if move.closer), 0),
        pace=next((pace for pattern, pace in _PACES if pattern.search(plain)), 1.0),
    )


def _directions_in(words: list[str]) -> list[str]:
    """Return the words that say where to; "from left to right" goes right, and "from the left" does too."""
    directions = [word for at, word in enumerate(words) if "from" not in words[max(0, at - 2) : at]]
    if any(word in _SIDEWAYS for word in directions):
        return directions
    opposite = {"left": "right", "right": "left", "above": "down", "below": "up"}
    return directions + [opposite[word] for word in words if word not in directions and word in opposite]


def _move_of(verb: re.Match[str], words: list[str], before: str) -> Move:
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


Box = tuple[float, float, float, float]

_PAN_PER_SECOND = 0.026
_PAN_RANGE = (0.05, 0.22)
_ZOOM_PER_SECOND = 0.028
_ZOOM_RANGE = (0.04, 0.30)


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraPath:
    """Amounts in frames: `across=0.1` slides by a tenth of the frame's width."""

    move: Move
    across: float
    down: float
    closer: float
    """How much larger things are at the near end of the move: 0.1 is ten percent."""

    def box(self, progress: float, stage: tuple[int, int]) -> Box:
        """Return the part of a stage that is seen at `progress`, 0 to 1: left, top, right, bottom."""
        # Half smoothstep, half straight: it starts and stops softly and never seems to wait.
        eased = 0.5 * progress + 0.5 * progress * progress * (3 - 2 * progress)
        near = eased if self.move.closer >= 0 else 1 - eased
        # An even zoom multiplies; adding would rush at one end.
        size = float((1 + self.closer) ** -near)
        width = stage[0] / (1 + self.across) * size
        height = stage[1] / (1 + self.down) * size
        left = (stage[0] - width) * _along(self.move.across, eased)
        top = (stage[1] - height) * _along(self.move.down, eased)
        return left, top, left + width, top + height


def plan(move: Move, duration_seconds: int, restraint: float = 1.0) -> CameraPath:
    """Plan a path. A longer film goes further, but never so far that the picture is lost."""
    pan = _amount(duration_seconds * _PAN_PER_SECOND, _PAN_RANGE) * move.pace * restraint
    zoom = _amount(duration_seconds * _ZOOM_PER_SECOND, _ZOOM_RANGE) * move.pace * restraint
    return CameraPath(
        move=move, across=pan * abs(move.across), down=pan * abs(move.down), closer=zoom * abs(move.closer)
    )


def _amount(wanted: float, limits: tuple[float, float]) -> float:
    return min(max(wanted, limits[0]), limits[1])


def _along(direction: int, eased: float) -> float:
    """Return the place between the two edges: a direction goes from one to the other, none stays in the middle."""
    return 0.5 + direction * (eased - 0.5)


Size = tuple[int, int]

_LEAST_SEEN = 0.6
"""If filling the frame would show less of the picture than this, the whole picture is shown instead."""
_MAX_PIXELS = 6_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    picture: Planes
    travel: CameraPath


def set_stage(image: Image.Image, frame: Size, move: Move, duration_seconds: int) -> Stage:
    """Lay the picture out so that the whole move stays inside it."""
    if fits(image.size, frame):
        travel = plan(move, duration_seconds)
        return Stage(picture=from_rgb(_cover(image, stage_size(frame, travel))), travel=travel)
    # The whole picture is shown, so the camera must not take much of it away.
    travel = plan(move, duration_seconds, restraint=0.5)
    return Stage(picture=from_rgb(_mount(image, stage_size(frame, travel))), travel=travel)


def fits(image: Size, frame: Size) -> bool:
    ratio = image[0] * frame[1] / (image[1] * frame[0])
    return min(ratio, 1 / ratio) >= _LEAST_SEEN


def stage_size(frame: Size, travel: CameraPath) -> Size:
    """Return a size that is sharp at the near end of the move, even on both sides, and never huge."""
    sharpness = 1 + travel.closer
    width = frame[0] * (1 + travel.across) * sharpness
    height = frame[1] * (1 + travel.down) * sharpness
    shrink = min(1.0, (_MAX_PIXELS / (width * height)) ** 0.5)
    return even(width * shrink), even(height * shrink)


def even(length: float) -> int:
    return max(2, 2 * round(length / 2))


def _cover(image: Image.Image, size: Size) -> Image.Image:
    """Return the middle of the picture, filling the size."""
    scale = max(size[0] / image.width, size[1] / image.height)
    width, height = size[0] / scale, size[1] / scale
    left, top = (image.width - width) / 2, (image.height - height) / 2
    box = (max(0.0, left), max(0.0, top), min(image.width, left + width), min(image.height, top + height))
    return image.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)


def _mount(image: Image.Image, size: Size) -> Image.Image:
    """Lay the whole picture, with a shadow, over a dark, blurred enlargement of itself."""
    # Blur a small copy and enlarge it: it looks the same, and takes a hundredth of the time.
    small = _cover(image, (even(size[0] / 8), even(size[1] / 8)))
    soft = small.filter(ImageFilter.GaussianBlur(min(small.size) / 11))
    backdrop = ImageEnhance.Brightness(soft.resize(size, Image.Resampling.BICUBIC)).enhance(0.42)
    scale = min(size[0] / image.width, size[1] / image.height)
    shown = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    corner = ((size[0] - shown[0]) // 2, (size[1] - shown[1]) // 2)
    mask = Image.new("L", backdrop.size, 0)
    mask.paste(150, (corner[0], corner[1], corner[0] + shown[0], corner[1] + shown[1]))
    blur = ImageFilter.BoxBlur(min(backdrop.size) // 40)
    backdrop.paste((0, 0, 0), (0, 0), mask.filter(blur).filter(blur))
    backdrop.paste(image.resize(shown, Image.Resampling.LANCZOS, reducing_gap=3.0), corner)
    return backdrop
