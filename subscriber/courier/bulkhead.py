"""How many requests of one courier are under way: few to one host, so that a hanging receiver delays no other one."""

from collections import Counter
from collections.abc import Collection

PER_HOST = 4
IN_ALL = 64
SLOW_S = 60.0
"""For so long a host that answered 429, 502 or 504 gets one request at a time."""
_SLOW_STATUS = frozenset((429, 502, 504))


class Bulkhead:
    """Counts the requests under way by host. Times are seconds of the boot clock."""

    def __init__(self, per_host: int = PER_HOST, in_all: int = IN_ALL) -> None:
        self._per_host, self._in_all = per_host, in_all
        self._busy: Counter[str] = Counter()
        self._slow_until: dict[str, float] = {}

    @property
    def room(self) -> int:
        """How many more requests may begin, to any hosts."""
        return self._in_all - self._busy.total()

    def enter(self, host: str, now: float) -> bool:
        """Count a request to the host and return True; False if it must wait."""
        if self.room <= 0 or self._busy[host] >= self._limit(host, now):
            return False
        self._busy[host] += 1
        return True

    def leave(self, host: str, status: int | None, now: float) -> None:
        """Count the end of a request, and remember a host that asks for less."""
        self._busy[host] -= 1
        if not self._busy[host]:
            del self._busy[host]
        if status in _SLOW_STATUS:
            self._slow_until[host] = now + SLOW_S

    def full_hosts(self, now: float) -> Collection[str]:
        """Return the hosts that may get no further request now."""
        self._slow_until = {host: until for host, until in self._slow_until.items() if until > now}
        return [host for host, busy in self._busy.items() if busy >= self._limit(host, now)]

    def _limit(self, host: str, now: float) -> int:
        return 1 if self._slow_until.get(host, now) > now else self._per_host
