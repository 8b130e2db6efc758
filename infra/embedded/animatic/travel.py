"""How far the camera goes, and which part of the picture it sees on the way."""

from dataclasses import dataclass

from infra.embedded.animatic.camera import Move

Box = tuple[float, float, float, float]

_PAN_PER_SECOND = 0.026
_PAN_RANGE = (0.05, 0.22)
_ZOOM_PER_SECOND = 0.028
_ZOOM_RANGE = (0.04, 0.30)


@dataclass(frozen=True, kw_only=True, slots=True)
class Travel:
    """Amounts in frames: `across=0.1` slides by a tenth of the frame's width."""

    move: Move
    across: float
    down: float
    closer: float
    """How much larger things are at the near end of the move: 0.1 is ten percent."""

    @property
    def still(self) -> bool:
        return not (self.across or self.down or self.closer)

    def box(self, progress: float, stage: tuple[int, int]) -> Box:
        """The part of a stage of that size which is seen at `progress`, 0 to 1, as left, top, right, bottom."""
        eased = _ease(progress)
        size = self._size(eased)
        width = stage[0] / (1 + self.across) * size
        height = stage[1] / (1 + self.down) * size
        left = (stage[0] - width) * _along(self.move.across, eased)
        top = (stage[1] - height) * _along(self.move.down, eased)
        return left, top, left + width, top + height

    def _size(self, eased: float) -> float:
        near = eased if self.move.closer >= 0 else 1 - eased
        # An even zoom multiplies; adding would rush at one end.
        return float((1 + self.closer) ** -near)


def plan(move: Move, duration_seconds: int, restraint: float = 1.0) -> Travel:
    """Longer films go further, but never so far that the picture is lost."""
    pan = _amount(duration_seconds * _PAN_PER_SECOND, _PAN_RANGE) * move.pace * restraint
    zoom = _amount(duration_seconds * _ZOOM_PER_SECOND, _ZOOM_RANGE) * move.pace * restraint
    return Travel(move=move, across=pan * abs(move.across), down=pan * abs(move.down), closer=zoom * abs(move.closer))


def _amount(wanted: float, limits: tuple[float, float]) -> float:
    return min(max(wanted, limits[0]), limits[1])


def _along(direction: int, eased: float) -> float:
    """Where between the two edges: a direction goes from one to the other, none stays in the middle."""
    return 0.5 + direction * (eased - 0.5)


def _ease(progress: float) -> float:
    """Half smoothstep, half straight: it starts and stops softly and yet is never seen to wait."""
    return 0.5 * progress + 0.5 * progress * progress * (3 - 2 * progress)
