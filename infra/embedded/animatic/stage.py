"""The stage: the picture, laid out a little larger than the frame, for the camera to move over."""

from dataclasses import dataclass

from PIL import Image, ImageEnhance, ImageFilter

from infra.embedded.animatic.camera import Move
from infra.embedded.animatic.planes import Planes, from_rgb
from infra.embedded.animatic.travel import Travel, plan

Size = tuple[int, int]

_LEAST_SEEN = 0.6
"""A cover fit that would show less of the picture than this is no fit: the whole picture is shown instead."""
_MAX_PIXELS = 6_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    picture: Planes
    travel: Travel


def set_stage(image: Image.Image, frame: Size, move: Move, duration_seconds: int) -> Stage:
    """Lay the picture out so that the whole move stays inside it."""
    if fits(image.size, frame):
        travel = plan(move, duration_seconds)
        return Stage(picture=from_rgb(_cover(image, stage_size(frame, travel))), travel=travel)
    # The whole picture is on show, so the camera must not take much of it away.
    travel = plan(move, duration_seconds, restraint=0.5)
    return Stage(picture=from_rgb(_mount(image, stage_size(frame, travel))), travel=travel)


def fits(image: Size, frame: Size) -> bool:
    ratio = image[0] * frame[1] / (image[1] * frame[0])
    return min(ratio, 1 / ratio) >= _LEAST_SEEN


def stage_size(frame: Size, travel: Travel) -> Size:
    """Sharp at the near end of the move, even on both sides, and never huge."""
    sharpness = 1 + travel.closer
    width = frame[0] * (1 + travel.across) * sharpness
    height = frame[1] * (1 + travel.down) * sharpness
    shrink = min(1.0, (_MAX_PIXELS / (width * height)) ** 0.5)
    return even(width * shrink), even(height * shrink)


def even(length: float) -> int:
    return max(2, 2 * round(length / 2))


def _cover(image: Image.Image, size: Size) -> Image.Image:
    """The middle of the picture, filling the size."""
    scale = max(size[0] / image.width, size[1] / image.height)
    width, height = size[0] / scale, size[1] / scale
    left, top = (image.width - width) / 2, (image.height - height) / 2
    box = (max(0.0, left), max(0.0, top), min(image.width, left + width), min(image.height, top + height))
    return image.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)


def _mount(image: Image.Image, size: Size) -> Image.Image:
    """The whole picture over a dark, blurred enlargement of itself."""
    backdrop = _backdrop(image, size)
    scale = min(size[0] / image.width, size[1] / image.height)
    shown = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    corner = ((size[0] - shown[0]) // 2, (size[1] - shown[1]) // 2)
    _cast_shadow(backdrop, corner, shown)
    backdrop.paste(image.resize(shown, Image.Resampling.LANCZOS, reducing_gap=3.0), corner)
    return backdrop


def _backdrop(image: Image.Image, size: Size) -> Image.Image:
    """Blurred small and then enlarged: nobody sees the difference, and it takes a hundredth of the time."""
    small = _cover(image, (even(size[0] / 8), even(size[1] / 8)))
    soft = small.filter(ImageFilter.GaussianBlur(min(small.size) / 11))
    return ImageEnhance.Brightness(soft.resize(size, Image.Resampling.BICUBIC)).enhance(0.42)


def _cast_shadow(backdrop: Image.Image, corner: Size, shown: Size) -> None:
    reach = min(backdrop.size) // 40
    mask = Image.new("L", backdrop.size, 0)
    mask.paste(150, (corner[0], corner[1], corner[0] + shown[0], corner[1] + shown[1]))
    backdrop.paste((0, 0, 0), (0, 0), mask.filter(ImageFilter.BoxBlur(reach)).filter(ImageFilter.BoxBlur(reach)))
