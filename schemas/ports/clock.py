"""The clock."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The time, so that tests need not wait."""

    def now(self) -> datetime:
        """Return the time in UTC, to the millisecond."""

    def boot(self) -> float:
        """Return the seconds since the machine booted, including suspension. It never goes back."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""
