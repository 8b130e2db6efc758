"""Decide how long to wait before the next try: doubled with each try, up to a limit."""

import random
from dataclasses import dataclass


def backoff_s(first_s: float, most_s: float, tries: int) -> float:
    """Return `first_s`, doubled `tries` times, but `most_s` at most."""
    return min(most_s, first_s * float(2 ** min(tries, 20)))


@dataclass(slots=True)
class Backoff:
    """Counts the tries of one loop: the pause doubles from about `first_s` to about `most_s`."""

    first_s: float = 1.0
    most_s: float = 60.0
    tries: int = 0

    def next_s(self) -> float:
        """Return the seconds to wait now: half to all of the doubled span, so that processes spread out."""
        span = backoff_s(self.first_s, self.most_s, self.tries)
        self.tries += 1
        return span * random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Start again at `first_s`."""
        self.tries = 0
