"""Draws what `make bench` found, for `docs/performance.md`: `python -m bench.pictures` draws it again."""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture

from bench.figure import Figure
from bench.growth import CURVES, Costs
from bench.process import ROOT
from bench.report import RESULTS, before

PICTURES = ROOT / "docs" / "pictures"
MET, SHORT = "#3a7d44", "#c1553b"
_COLOURS = 10
"""After so many they begin anew."""
_SHOWN = (0.1, 20.0)
"""Times the goal: what is still further away is drawn at the edge, with its figure beside it."""


def main() -> None:
    """Both pictures, from what was kept of the last measurements."""
    rcParams["svg.hashsalt"] = "reelbus"  # the same figures make the same file
    draw_goals(before(RESULTS))
    if CURVES.exists():
        draw_growth({store: _sizes(costs) for store, costs in json.loads(CURVES.read_text()).items()})


def draw_goals(figures: Sequence[Figure], folder: Path = PICTURES) -> None:
    """A bar for each figure: how far it stays within its goal, or falls short of it."""
    shown = sorted(figures, key=lambda figure: figure.name, reverse=True)
    picture = Picture(figsize=(9, 0.8 + 0.28 * len(shown)), layout="constrained")
    axes = picture.subplots()
    lengths = [min(max(share_of_goal(figure), _SHOWN[0]), _SHOWN[1]) for figure in shown]
    colours = [MET if figure.verdict == "met" else SHORT for figure in shown]
    axes.barh([figure.name for figure in shown], [length - 1 for length in lengths], left=1, color=colours, height=0.6)
    for row, (figure, length) in enumerate(zip(shown, lengths, strict=True)):
        axes.annotate(
            _label(figure),
            (length, row),
            xytext=(4 if length >= 1 else -4, 0),
            textcoords="offset points",
            va="center",
            ha="left" if length >= 1 else "right",
            fontsize=7,
        )
    _frame(axes)
    _save(picture, folder / "performance-goals.svg")


def share_of_goal(figure: Figure) -> float:
    """1 is the goal, more is better: twice as good as wanted is 2."""
    return figure.figure / figure.goal if figure.more_is_better else figure.goal / max(figure.figure, 1e-9)


def draw_growth(stores: Mapping[str, Costs], folder: Path = PICTURES) -> None:
    """Cost of each operation against size, a frame for each store. The first store has every operation."""
    picture = Picture(figsize=(9, 5), layout="constrained")
    every_axes = picture.subplots(1, len(stores), squeeze=False)[0]
    for axes, (store, costs) in zip(every_axes, stores.items(), strict=True):
        for number, (name, sizes) in enumerate(costs.items()):
            middle = [statistics.median(rounds) for rounds in sizes.values()]
            axes.loglog(list(sizes), middle, marker=".", label=name, linestyle="-" if number < _COLOURS else "--")
        axes.set(xlabel="jobs in the store, and requests on the bus", ylabel="ms each", title=store)
    picture.legend(*every_axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    _save(picture, folder / "performance-growth.svg")


def _label(figure: Figure) -> str:
    return f"{figure.figure:.2g} ({'≥' if figure.more_is_better else '≤'} {figure.goal:g})"


def _frame(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.set_xlim(_SHOWN[0] / 2, _SHOWN[1] * 4)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlabel("how good it is, as a multiple of its goal: left of 1 falls short")
    axes.tick_params(axis="y", labelsize=8, length=0)
    axes.margins(y=0.02)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _sizes(costs: Mapping[str, Mapping[str, Sequence[float]]]) -> Costs:
    return {name: {int(size): rounds for size, rounds in sizes.items()} for name, sizes in costs.items()}


def _save(picture: Picture, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    picture.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
