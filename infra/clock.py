"""The clocks of the machine. All other code takes the time from a port, so that tests need not wait."""

import asyncio
import time
from datetime import UTC, datetime

# On Linux this clock also counts the time in which the machine is suspended; other systems have no such clock.
_BOOT_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """`Clock` of the operating system."""

    def now(self) -> datetime:
        at = datetime.now(UTC)
        return at.replace(microsecond=at.microsecond // 1000 * 1000)

    def boot(self) -> float:
        return time.clock_gettime(_BOOT_CLOCK)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
