"""`reelbus batch FILE`: make the videos that the lines of a file ask for. The same command again continues."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from publisher.batches.request import Batch, BatchRequest
from publisher.batches.views import BatchPlan, BatchView
from publisher.cli.clients import JobClient, open_local_pipeline
from publisher.cli.configuration import configuration
from publisher.cli.errors import BadInput, Command, Interrupted, NoVideo, WaitExpired
from publisher.cli.generate import check_target, download
from publisher.cli.options import FilePath, Seconds, json_option, open_client, read_file, url_option
from publisher.cli.output import cost, echo, format_ending
from publisher.compose import local_file
from schemas.domain.projections import JobView
from schemas.domain.states import JobState
from schemas.errors import Invalid, NotFound, Unavailable
from schemas.wire.validation import parse_object, to_invalid

_FILE_MAX_BYTES = 28_000_000
"""As a facade takes it by default."""
_LOOK_EVERY_S = 0.5
_LOOK_EVERY_AT_MOST_S = 5.0
_AWAY_AT_MOST_S = 120.0
"""A restart of a facade takes less."""


@dataclass(slots=True)
class _BatchCall:
    """The batch of a file, and what the command has reached."""

    asked: BatchRequest
    batch_id: str
    lines: tuple[int, ...]
    """The line of each request in the file."""
    url: str | None
    output: Path | None
    is_sent: bool = False
    """True if the batch may be stored."""

    def open_maker(self) -> AbstractAsyncContextManager[JobClient]:
        """Open the facade, or the stores with a worker."""
        return open_local_pipeline() if self.url is None else open_client(self.url)


_PLACE = re.compile(r"requests\.([0-9]+)(?:\.|: | )")


def _name_lines(error: Invalid, lines: Sequence[int]) -> BadInput:
    """Return an error about a request with its line in the file."""

    def to_line(match: re.Match[str]) -> str:
        index = int(match[1])
        return f"line {lines[index]}: " if index < len(lines) else match[0]

    return BadInput(f"Invalid request: {_PLACE.sub(to_line, str(error))}")


@click.command(cls=Command)
@click.argument("file", type=FilePath())
@click.option("--id", "batch_id", metavar="ID", help="The id of the batch.  [default: from the contents]")
@click.option("--max-cost", "max_cost_usd", metavar="USD", help="Agree to pay so much for the whole batch.")
@click.option("--priority", metavar="interactive|batch", help="The lane of requests that name none.")
@click.option(
    "-o", "--output", type=FilePath(), metavar="FOLDER", help="Write each video to FOLDER/ID.mp4; makes FOLDER."
)
@click.option("--dry-run", is_flag=True, help="Show the price, and order nothing.")
@click.option("--timeout", "timeout_s", type=Seconds(min=0, min_open=True), metavar="S", help="Wait for S seconds.")
@json_option
@url_option
def batch(
    file: Path,
    url: str | None,
    output: Path | None,
    dry_run: bool,
    timeout_s: float | None,
    as_json: bool,
    **given: str,
) -> None:
    """Make the videos of a JSONL file, and wait for them.

    Each line of FILE (- for stdin) is a request as a JSON object, without job_id; 100 lines at most. The price is shown
    first. A batch that costs something is ordered only with --max-cost. All of it is ordered, or nothing.

    The same command again continues the batch and pays for nothing twice, also after Ctrl-C or a kill. Without --url a
    worker runs here until all jobs have ended.
    """
    call = _read_call(file, given, url, output)
    if output is not None and not dry_run:
        _make_folder(output)
    try:
        view = asyncio.run(_run(call, dry_run=dry_run, timeout_s=timeout_s))
    except Invalid as error:
        raise _name_lines(error, call.lines) from error
    except KeyboardInterrupt:
        state = "The batch is not cancelled" if call.is_sent else "Nothing was ordered"
        raise Interrupted(f"Interrupted. {state}; the same command continues") from None
    if view is None:
        return
    _print(view, call, as_json=as_json)
    if not view.ended:
        raise WaitExpired(f"Not ended after {timeout_s:g} s ({_count(view)}); the same command continues")
    if missing := len(view.videos) - view.states[JobState.SUCCEEDED]:
        raise NoVideo(f"{missing} of {len(view.videos)} jobs have no video")


def _make_folder(output: Path) -> None:
    """Make the folder if it is absent. Raises `BadInput` before anything is ordered."""
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        words = f"must be a folder, or a path where one can be made: {error.strerror or error}"
        raise BadInput(f"Invalid request: output {str(output)[:300]} {words}") from error
    check_target(output)


def _read_call(file: Path, given: dict[str, Any], url: str | None, output: Path | None) -> _BatchCall:
    """Read the file. Raises `Invalid`, with the line that is wrong."""
    text = read_file(str(file), field="FILE", max_bytes=_FILE_MAX_BYTES)
    found = [(number, line) for number, line in enumerate(text.split(b"\n"), 1) if line.strip()]
    requests = [parse_object(line, what=f"line {number}") for number, line in found]
    if not requests:
        raise Invalid("FILE must have at least one line", field="FILE")
    body = {"requests": requests, **{name: value for name, value in given.items() if value is not None}}
    lines = tuple(number for number, _ in found)
    try:
        batch_id = Batch.of(BatchRequest.model_validate(body)).batch_id
        asked = BatchRequest.model_validate({**body, "batch_id": batch_id})
    except ValidationError as error:
        raise _name_lines(to_invalid(error), lines) from error
    except Invalid as error:
        raise _name_lines(error, lines) from error
    return _BatchCall(asked, batch_id, lines, url, output)


async def _run(call: _BatchCall, *, dry_run: bool, timeout_s: float | None) -> BatchView | None:
    """Show the price, order the batch, and return it when it has ended or the wait has expired."""
    async with open_client(call.url) as client:
        try:
            await client.show_batch(call.batch_id)
            click.echo(f"batch {call.batch_id}, ordered before", err=True)
        except NotFound:
            _agree(await client.plan_batch(call.asked), call, dry_run=dry_run)
    if dry_run:
        return None
    with _open_progress(len(call.asked.requests)) as show:
        async with call.open_maker() as client:
            call.is_sent = True
            last = await client.order_batch(call.asked)
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    async for last in _follow(client, last):  # noqa: B020  the loop begins with it
                        show.update(last)
                        await _download(client, last, call)
            return last


def _agree(plan: BatchPlan, call: _BatchCall, *, dry_run: bool) -> None:
    """Show the price. Raise `BadInput` if the batch would be refused, or costs something that was not agreed to."""
    size, seconds = len(plan.videos), plan.duration_seconds
    videos = "1 video" if size == 1 else f"{size} videos"
    click.echo(f"batch {plan.batch_id}: {videos}, {seconds} s, ${plan.price_usd:.2f}", err=dry_run is False)
    warnings = dict.fromkeys(words for video in plan.videos for words in video.warnings)
    for words in (*(f"warning: {words}" for words in warnings), *([f"notice: {plan.notice}"] if plan.notice else [])):
        click.echo(words, err=True)
    if plan.refusal:
        raise _name_lines(Invalid(plan.refusal.message), call.lines)
    if plan.price_usd and call.asked.max_cost_usd is None and not dry_run:
        agreed = f"--max-cost {plan.price_usd:f}"
        raise BadInput(f"The batch costs ${plan.price_usd:.2f}. Nothing was ordered; add {agreed} to agree.")


async def _follow(client: JobClient, view: BatchView) -> AsyncIterator[BatchView]:
    """Yield the batch at each look, often at first and less often later, until it has ended."""
    loop = asyncio.get_running_loop()
    pause_s, seen_at = _LOOK_EVERY_S, loop.time()
    yield view
    while not view.ended:
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 1.1, _LOOK_EVERY_AT_MOST_S)
        try:
            view = await client.show_batch(view.batch_id)
        except Unavailable:
            if loop.time() - seen_at > _AWAY_AT_MOST_S:
                raise
            continue
        seen_at = loop.time()
        yield view


async def _download(client: JobClient, view: BatchView, call: _BatchCall) -> None:
    """Write the finished videos to the folder. A file that exists is complete, and stays."""
    for video in view.videos:
        if call.output and video.state is JobState.SUCCEEDED and not video.erased_at:
            target = call.output / f"{video.video_id}.mp4"
            if not target.exists():
                await download(client, video, target)


class _Show:
    """Prints how many jobs have ended: a bar at a terminal, a line for each change elsewhere."""

    def __init__(self, progress: Progress | None, size: int) -> None:
        self._progress = progress
        self._task = progress.add_task("ordering", total=size) if progress else None
        self._last_line = ""

    def update(self, view: BatchView) -> None:
        """Show the batch."""
        line = _count(view)
        if self._progress is not None and self._task is not None:
            ended = sum(count for state, count in view.states.items() if state.ended)
            self._progress.update(self._task, description=line, completed=ended)
        elif line != self._last_line:
            self._last_line = line
            click.echo(line, err=True)


@contextmanager
def _open_progress(size: int) -> Iterator[_Show]:
    if not sys.stderr.isatty():
        yield _Show(None, size)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _Show(progress, size)


def _count(view: BatchView) -> str:
    return ", ".join(f"{count} {state}" for state, count in view.states.items() if count)


def _print(view: BatchView, call: _BatchCall, *, as_json: bool) -> None:
    """Print one line for each job, or one JSON object."""
    if as_json:
        echo(view.model_dump_json())
        return
    for video in view.videos:
        echo(f"{video.video_id}  {video.state}  {cost(video)}  {_place_of(video, call)}")


def _place_of(video: JobView, call: _BatchCall) -> str:
    """Return where the video is, or why there is none."""
    if video.state is not JobState.SUCCEEDED:
        return format_ending(video) if video.state.ended else ""
    if call.output:
        return str((call.output / f"{video.video_id}.mp4").absolute())
    local = local_file(configuration(), video.gcs_path) if call.url is None and video.gcs_path else None
    return str(local or video.video_url)
