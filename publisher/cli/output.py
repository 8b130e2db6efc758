"""Print jobs: a job in a few lines, and its progress as a bar at a terminal or as lines elsewhere."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from schemas.domain.projections import JobView
from schemas.domain.states import JobState
from schemas.errors import Charged
from schemas.wire.caller_names import to_shown_id
from schemas.wire.evaluation import Evaluation


def echo(text: str, *, nl: bool = True) -> None:
    """Print text that may name a file, whose name need not be UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        click.echo(os.fsencode(text), nl=nl)
    else:
        click.echo(text, nl=nl)


def format_place(address: str) -> str:
    """Return ` in FOLDER` if the store at that address is the embedded one, else nothing."""
    store = urlsplit(address)
    return f" in {Path(unquote(store.path)).parent}" if store.scheme == "sqlite" else ""


def format_none(what: str, address: str) -> str:
    """Return that nothing was found, with the folder of an embedded store."""
    return f"No {what}{format_place(address)}."


def visible(text: str) -> str:
    """Return the text on one line, without characters that would control the terminal."""
    return "".join(letter if letter.isprintable() else "�" for letter in " ".join(text.split()))


def format_job(view: JobView, *, file: Path | None = None) -> str:
    """Return a job in lines of name and value; `file` is its video, if that is on this machine."""
    rows = {
        "id": view.video_id,
        "state": _describe_state(view),
        "notice": view.notice,
        "prompt": visible(view.prompt if len(view.prompt) <= 100 else view.prompt[:99] + "…"),
        "requested": f"{view.duration_seconds} s, {view.quality}, {view.aspect_ratio}, {view.resolution}",
        "project": view.project_id,
        "caller": _caller(view),
        "model": view.model,
        "cost": cost(view),
        "created": moment(view.created_at.isoformat()),
        "ended": moment(view.timings.ended_at.isoformat()) if view.timings.ended_at else None,
        "erased": moment(view.erased_at.isoformat()) if view.erased_at else None,
        "video": view.video_url,
        "file": file or view.gcs_path,
        "defect": view.defect,
        "checks": view.checks.summary.replace(",", ", ") if view.checks else None,
        "score": _describe_score(view.evaluation) if view.evaluation else None,
        "reason": view.error.message if view.error else None,
    }
    return "\n".join(f"{name:<10} {value}" for name, value in rows.items() if value)


def _describe_score(evaluation: Evaluation) -> str:
    """Return the score and what the video does not show, in one line; without a score, the reason."""
    if evaluation.score is None:
        return f"none: {visible(evaluation.unevaluated or 'not known')}"
    missing = "; ".join(visible(verdict.text) for verdict in evaluation.verdicts if not verdict.holds)
    of = f"{sum(verdict.holds for verdict in evaluation.verdicts)} of {len(evaluation.verdicts)} questions"
    return f"{evaluation.score:.2f} ({evaluation.metric}, {of}){f'; not seen: {missing}' if missing else ''}"


def result(view: JobView) -> str:
    """Return one line about a finished video."""
    size = f"{view.width}x{view.height}"
    return " · ".join((f"{view.duration_seconds} s", size, view.model or "?", cost(view), view.video_id))


def format_ending(view: JobView) -> str:
    """Return the reason why the job has no video."""
    return view.error.message if view.error else f"The job is {view.state}"


def cost(view: JobView) -> str:
    """Return the known cost, and whether the job may have cost more."""
    doubt = ", perhaps more" if view.charged is Charged.UNKNOWN else ""
    return f"${view.cost_usd:.2f}{doubt}"


def moment(text: str) -> str:
    """Return a moment in ISO 8601, in UTC and to the second."""
    return text[:19] + "Z"


def _caller(view: JobView) -> str | None:
    """Return the caller of the job, and the id that the caller chose if the stored id is another one."""
    own_id = to_shown_id(view.caller, view.video_id)
    return f"{view.caller}, with the id {own_id}" if own_id != view.video_id else view.caller


def _describe_state(view: JobView) -> str:
    words = [str(view.state)]
    if view.state is JobState.QUEUED and view.queue_position:
        words.append(f"number {view.queue_position}")
    if not view.state.ended and view.progress:
        words.append(f"about {view.progress:.0%}")
    if view.waiting_for:
        words.append(f"waiting for {view.waiting_for.replace('_', ' ')}")
    if view.cancel_requested and not view.state.ended:
        words.append("to be cancelled")
    return ", ".join(words)


@dataclass(frozen=True, kw_only=True, slots=True)
class JobUpdate:
    """The state of the job now."""

    state: JobState
    progress: float = 0.0
    queue_position: int | None = None
    waiting_for: str | None = None
    notice: str | None = None
    """What keeps the job from continuing, if that is no state of the job."""
    end: JobView | None = None
    """The whole job, once it has ended."""

    @property
    def headline(self) -> str:
        """The state, and what the job waits for."""
        if self.notice:
            return f"{self.state}; {self.notice}"
        if self.waiting_for:
            return f"{self.state}, waiting for {self.waiting_for.replace('_', ' ')}"
        if self.queue_position:
            return f"{self.state}, number {self.queue_position}"
        return str(self.state)


def to_update(view: JobView) -> JobUpdate:
    """Return the update that a view contains."""
    return JobUpdate(
        state=view.state,
        progress=view.progress,
        queue_position=view.queue_position,
        waiting_for=view.waiting_for,
        notice=view.notice,
        end=view if view.state.ended else None,
    )


Show = Callable[[JobUpdate], None]


@contextmanager
def open_progress(job_id: str) -> Iterator[Show]:
    """Show progress on stderr, because stdout is for the result."""
    if sys.stderr.isatty():
        with _bar(job_id) as show:
            yield show
    else:
        click.echo(f"job {job_id}", err=True)
        yield _Lines()


@contextmanager
def _bar(job_id: str) -> Iterator[Show]:
    console = Console(stderr=True)
    console.print(f"job {job_id}", style="dim", highlight=False)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        task = progress.add_task("starting", total=1.0)
        yield lambda update: progress.update(task, description=update.headline, completed=update.progress)


class _Lines:
    def __init__(self) -> None:
        self._last_line = ""

    def __call__(self, update: JobUpdate) -> None:
        if update.headline != self._last_line:
            self._last_line = update.headline
            click.echo(update.headline, err=True)


_WIDTH_OF_A_FILE = 160


def console() -> Console:
    """Return stdout, as wide as the terminal. In a file or a pipe no line is folded to 80 columns."""
    return Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else _WIDTH_OF_A_FILE)
