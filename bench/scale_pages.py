"""Writes the figures of `bench.scale` into `docs/scale.md`, as tables and pictures: `python -m bench.scale_pages`."""

import re
from collections.abc import Callable
from pathlib import Path

from matplotlib import rcParams
from matplotlib.figure import Figure

from bench.scale import MINUTES, Given, Need, Ours, around_one, first_limit, need, waits_s

DAYS = (10**3, 10**5, 10**6)
PAGE = Path("docs/scale.md")
PICTURES = Path("docs/pictures")


def _wait(day: Need) -> str:
    if day.worst_wait_s is None:
        return "for ever: more comes than may be sent"
    return f"{day.worst_wait_s / 60:,.0f} min" if day.worst_wait_s >= 60 else "none"


_ROWS: tuple[tuple[str, Callable[[Need], str]], ...] = (
    ("videos a minute, mean / peak", lambda n: f"{n.mean_per_minute:,.1f} / {n.peak_per_minute:,.1f}"),
    ("default quotas needed at the peak", lambda n: f"{n.quotas:,}"),
    ("longest time in queue with one quota", _wait),
    ("jobs in flight at the peak", lambda n: f"{n.in_flight:,.0f}"),
    ("workers at the peak", lambda n: f"{n.workers:,}"),
    ("facades, every caller waiting", lambda n: f"{n.facades:,}"),
    ("polls a second", lambda n: f"{n.polls_per_s:,.1f}"),
    ("Firestore writes / reads a second", lambda n: f"{n.writes_per_s:,.1f} / {n.reads_per_s:,.1f}"),
    ("Google's bill for the videos, a day", lambda n: f"${n.model_usd:,.0f}"),
    ("everything around them, a day", lambda n: f"${n.around_usd:,.2f}"),
)


def main() -> None:
    """Rewrites what stands between the markers."""
    given = Given()
    ours = Ours.of(given)
    text = PAGE.read_text()
    text = _between(text, "need", _table([need(videos, given, ours) for videos in DAYS]))
    text = _between(text, "limits", _limits(given, ours))
    text = _between(text, "one", _one(given, ours))
    PAGE.write_text(text)
    PICTURES.mkdir(exist_ok=True)
    rcParams["svg.hashsalt"] = "reelbus"  # the same figures make the same file
    _draw_queue(given, ours)
    _draw_fleet(given, ours)


def _table(days: list[Need]) -> str:
    head = "| | " + " | ".join(f"{day.videos:,} a day" for day in days) + " |\n|---|" + "---|" * len(days)
    return "\n".join([head, *(f"| {name} | " + " | ".join(show(day) for day in days) + " |" for name, show in _ROWS)])


def _limits(given: Given, ours: Ours) -> str:
    rows = [f"| {videos:,} | {name} |" for name, videos in first_limit(given, ours)]
    return "\n".join(["| videos a day | what binds |", "|---|---|", *rows])


def _one(given: Given, ours: Ours) -> str:
    around = around_one(given, ours)
    return (
        f"One {given.video_seconds}-s `fast` video costs ${ours.price_usd:.2f} at the model and ${around:.5f} "
        f"around it: {around / float(ours.price_usd):.3%}."
    )


def _between(text: str, name: str, inside: str) -> str:
    pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
    assert re.search(pattern, text, re.DOTALL), f"{PAGE} has no place for {name}"
    return re.sub(pattern, lambda found: f"{found[1]}{inside}\n{found[2]}", text, flags=re.DOTALL)


def _draw_queue(given: Given, ours: Ours) -> None:
    capacity = given.quota_per_minute / ours.submits
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    axes = figure.subplots()
    hours = [minute / 60 for minute in range(MINUTES)]
    for share in (0.4, 0.6, 0.8, 0.95):
        waits = waits_s(capacity * share, given, capacity)
        axes.plot(hours, [wait / 60 for wait in waits], label=f"{capacity * share * MINUTES:,.0f} a day ({share:.0%})")
    axes.set(xlabel="hour of the day", ylabel="minutes until the submit", xlim=(0, 24), xticks=range(0, 25, 4))
    axes.set_title(f"Time in queue with one quota of {given.quota_per_minute:.0f} a minute")
    axes.legend(frameon=False)
    _save(figure, "scale-queue")


def _draw_fleet(given: Given, ours: Ours) -> None:
    days = [need(int(10 ** (power / 4)), given, ours) for power in range(12, 29)]
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    axes = figure.subplots()
    videos = [day.videos for day in days]
    axes.loglog(videos, [day.in_flight for day in days], label="jobs in flight")
    axes.loglog(videos, [day.workers for day in days], label="workers", drawstyle="steps-mid")
    axes.loglog(videos, [day.quotas for day in days], label="default quotas", drawstyle="steps-mid")
    axes.loglog(videos, [day.writes_per_s for day in days], label="Firestore writes a second")
    axes.axhline(given.firestore_sequential, color="grey", linewidth=0.8, linestyle=":")
    axes.set(xlabel="videos a day", title="What the peak of the day takes")
    axes.legend(frameon=False)
    _save(figure, "scale-fleet")


def _save(figure: Figure, name: str) -> None:
    figure.savefig(PICTURES / f"{name}.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
