"""One line of the results: what was measured on both sides, and whether it is good enough."""

import statistics
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, computed_field


class Side(BaseModel):
    """One side's raw figures, one for each round."""

    model_config = ConfigDict(frozen=True)

    what: str
    """Who was measured, doing what, under which guarantees."""
    unit: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Of the rounds."""
        return statistics.median(self.rounds)


class Figure(BaseModel):
    """A ratio of two sides that were measured in turns. Where the other side is one number, it is a limit."""

    model_config = ConfigDict(frozen=True)

    name: str
    goal: float
    """The ratio must be at most this, or at least where `more_is_better`."""
    ours: Side
    theirs: Side
    more_is_better: bool = False
    note: str = ""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def figure(self) -> float:
        """Ours over theirs: the median of the rounds' ratios."""
        return statistics.median(self.ratios)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def spread(self) -> tuple[float, float]:
        """The lowest and the highest ratio of a round."""
        return min(self.ratios), max(self.ratios)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def verdict(self) -> Literal["met", "short"]:
        """Of the median."""
        met = self.figure >= self.goal if self.more_is_better else self.figure <= self.goal
        return "met" if met else "short"

    @property
    def ratios(self) -> Sequence[float]:
        """Round by round; a limit is the same in each."""
        theirs = self.theirs.rounds if len(self.theirs.rounds) > 1 else self.theirs.rounds * len(self.ours.rounds)
        return [ours / other for ours, other in zip(self.ours.rounds, theirs, strict=True)]


def limit(what: str, unit: str, value: float) -> Side:
    """A side that nobody measures: what the figure must stay below."""
    return Side(what=what, unit=unit, rounds=(value,))
