"""Where things stand in a frame: every distance follows from the frame's short side."""

from dataclasses import dataclass

from infra.embedded.animatic.typeface import BOLD, REGULAR, SEMIBOLD, Type
from infra.embedded.animatic.wrapping import Measure

_REFERENCE_PX = 720
_SMALLEST_TYPE_PX = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """A frame's measures. Tall frames keep more room below, where players and phones put their controls."""

    width: int
    height: int

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    @property
    def tall(self) -> bool:
        return self.height > self.width

    def px(self, units: float) -> int:
        """Pixels for a length given in 720ths of the short side."""
        return round(units * min(self.width, self.height) / _REFERENCE_PX)

    @property
    def side_px(self) -> int:
        return self.px(54 if self.tall else 64)

    @property
    def top_px(self) -> int:
        return self.px(64 if self.tall else 40)

    @property
    def bottom_px(self) -> int:
        return self.px(132 if self.tall else 48)

    def type(self, units: float, weight: int = REGULAR) -> Type:
        return Type(size_px=max(_SMALLEST_TYPE_PX, self.px(units)), weight=weight)

    @property
    def caption(self) -> Type:
        return self.type(36 if self.tall else 33, SEMIBOLD)

    @property
    def kicker(self) -> Type:
        return self.type(16, BOLD)

    @property
    def statement(self) -> Type:
        return self.type(56 if self.tall else 52, SEMIBOLD)

    def caption_room(self) -> Measure:
        return self.room(self.caption, 3 if self.tall else 2, 1.0 if self.tall else 0.8)

    def statement_room(self) -> Measure:
        return self.room(self.statement, 7 if self.tall else 4, 1.0 if self.tall else 0.74)

    def room(self, type_: Type, lines: int, share: float) -> Measure:
        """Room for some lines of a type, over a share of the width between the margins."""
        return Measure(width_px=(self.width - 2 * self.side_px) * share, lines=lines, width_of=type_.width)
