"""The machine's own clocks, so that everything else takes time from a port and can be tested without waiting."""

import asyncio
import time
from datetime import UTC, datetime

# Linux counts a suspended laptop's sleep in this clock; elsewhere the monotonic clock has to do.
_BOOT_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """`Clock` as the operating system tells it."""

    def now(self) -> datetime:
        at = datetime.now(UTC)
        return at.replace(microsecond=at.microsecond // 1000 * 1000)

    def boot(self) -> float:
        return time.clock_gettime(_BOOT_CLOCK)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
