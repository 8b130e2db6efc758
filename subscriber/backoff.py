"""How long to wait before the next try: doubling, with jitter, up to a limit."""

import random
from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Counts tries. `next_s` grows from about `first_s` to about `most_s`; `reset` starts afresh."""

    first_s: float = 1.0
    most_s: float = 60.0
    tries: int = 0

    def next_s(self) -> float:
        """Seconds to wait now, between half and the whole of the doubled span, so that many don't come at once."""
        span = min(self.most_s, self.first_s * float(2 ** min(self.tries, 20)))
        self.tries += 1
        return span * random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Something moved: be quick again."""
        self.tries = 0
