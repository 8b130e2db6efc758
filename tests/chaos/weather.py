"""What the model does to each submit and each operation while there is trouble: every documented way to fail."""

from random import Random

from tests.vertex.script import Step

_BUSY = {"code": 8, "message": "The service is currently experiencing high load. Please try again later."}
_BROKEN = {"code": 13, "message": "Internal error. Please try again later."}
_KINDS: tuple[tuple[int, Step], ...] = (
    (60, Step()),
    (6, Step(poll_statuses=(500, 503, 429))),
    (3, Step(status=429)),
    (3, Step(status=500)),
    (3, Step(status=500, accept=True)),
    (2, Step(status=503)),
    (2, Step(status=503, accept=True)),
    (2, Step(drop=True)),
    (3, Step(drop=True, accept=True)),
    (2, Step(hang=True)),
    (2, Step(hang=True, accept=True)),
    (4, Step(ending="error", error=_BUSY)),
    (1, Step(ending="error", error=_BROKEN)),
    (1, Step(ending="filtered")),
    (1, Step(ending="never")),
    (1, Step(status=400)),
)


class Weather:
    """One step after the other; fair once it is told to be."""

    def __init__(self, seed: int, *, longest_s: float) -> None:
        self._random = Random(seed)
        self._longest_s = longest_s
        self.fair = False

    def next_step(self) -> Step:
        """What happens to the next submit."""
        steps, weights = [step for _, step in _KINDS], [weight for weight, _ in _KINDS]
        step = Step() if self.fair else self._random.choices(steps, weights)[0]
        return step.model_copy(update={"seconds": self._random.uniform(0.2, self._longest_s)})


def is_charged(step: Step) -> bool:
    """Whether the operation that was accepted is paid: one that found no capacity is not."""
    return step.ending != "error" or step.error != _BUSY
