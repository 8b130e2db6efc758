"""The cheapest sequence of clips that is at least as long as what was asked for. Pure arithmetic."""

from collections.abc import Iterator

from infra.gcp.models import Model


def cheapest_cover(model: Model, seconds: int) -> tuple[int, ...] | None:
    """Length of the first clip and of each extension; None where the model can't make it that long.

    Every second costs the same, so the shortest sum is the cheapest; of equal sums the one with fewer calls, and of
    those the one that starts longest.
    """
    covers = (cover for cover in _covers(model, seconds) if sum(cover) >= seconds)
    return min(covers, key=lambda cover: (sum(cover), len(cover), [-length for length in cover]), default=None)


def _covers(model: Model, seconds: int) -> Iterator[tuple[int, ...]]:
    """Every sequence that the model can make, none with a call more than it needs."""
    growing: list[tuple[int, ...]] = [(base,) for base in model.durations_s]
    while growing:
        made = growing.pop()
        total = sum(made)
        yield made
        if total < seconds and total <= model.max_input_s:
            growing += [(*made, step) for step in _steps(model, made) if total + step <= model.max_total_s]


def _steps(model: Model, made: tuple[int, ...]) -> tuple[int, ...]:
    """Longest extensions first: other orders give the same sums, and there are very many of them."""
    return tuple(step for step in model.extensions_s if len(made) == 1 or step <= made[-1])
