"""`reelbus generate`: make one video from a prompt, by a running facade or in this folder, and write it to a file."""

import asyncio
import json
import os
import shutil
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from dataclasses import dataclass
from pathlib import Path

import click

from publisher.cli.clients import JobClient, open_local_pipeline
from publisher.cli.errors import Command, Interrupted, NoVideo, WaitExpired
from publisher.cli.options import (
    FilePath,
    Seconds,
    build_request,
    json_option,
    open_client,
    request_options,
    url_option,
)
from publisher.cli.output import Show, echo, format_ending, open_progress, result
from schemas.domain.projections import JobView
from schemas.domain.states import JobState
from schemas.errors import Invalid, Unavailable
from schemas.wire.request import VideoRequest


def check_target(output: Path | None) -> None:
    """Raise `Invalid` if the file can't be written. Called before the job is made."""
    if output is None:
        return
    folder = output if os.path.isdir(output) else output.parent
    if not os.path.isdir(folder):
        raise Invalid(f"output {output} can't be written: there is no folder {folder}", field="output")
    if not os.access(folder, os.W_OK):
        raise Invalid(f"output {output} can't be written: the folder {folder} is read-only", field="output")
    if folder == output.parent and os.path.lexists(output) and not os.path.isfile(output):
        raise Invalid(f"output {output} can't be written: it is not a regular file", field="output")
    # Write a file too: a full file system and a name that is too long are refused in spite of all rights.
    part = folder / _part_name("x" if folder == output else output.name)
    try:
        try:
            part.open("xb").close()
        finally:
            part.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise Invalid(f"output {output} can't be written: {reason}", field="output") from error


async def download(client: JobClient, view: JobView, output: Path) -> Path:
    """Write the video to that file, or into that folder, and return its path."""
    target = _target_of(view, output)
    await write_whole(target, lambda part: client.fetch(view, part))
    return target.absolute()


async def write_whole(target: Path, fetch: Callable[[Path], Awaitable[None]]) -> None:
    """Write a file by `fetch`, which gets another path. An older file is replaced once the new one is complete."""
    folder = target.with_name(_part_name(target.name))
    try:
        folder.mkdir(exist_ok=True)
        await fetch(folder / "video")
        os.replace(folder / "video", target)
    except OSError as error:
        raise Unavailable(f"{target} can't be written: {error.strerror or error}") from error
    finally:
        _delete(folder)


def _delete(folder: Path) -> None:
    """Delete the folder of an unfinished file.

    After Ctrl-C a thread may still copy the file: without its folder it can't make it again.
    """
    for _ in range(3):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return


def _target_of(view: JobView, output: Path) -> Path:
    return output / Path(view.gcs_path or view.video_id).name if output.is_dir() else output


def _part_name(name: str) -> str:
    return f".{name}.{os.getpid()}.part"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Options:
    """The request, and how the command handles its video."""

    request: VideoRequest
    url: str | None
    output: Path | None
    timeout_s: float | None

    @property
    def job_id(self) -> str:
        return self.request.job_id

    @property
    def status_command(self) -> str:
        """The command that shows the job later."""
        return f"reelbus status {self.job_id}" + (f" --url {self.url}" if self.url else "")

    @property
    def continuation(self) -> str:
        """What continues the job when this command has ended."""
        return "it continues" if self.url else f"a worker continues it, or this command with --id {self.job_id}"

    def open_client(self) -> AbstractAsyncContextManager[JobClient]:
        return open_local_pipeline() if self.url is None else open_client(self.url)


@dataclass(slots=True)
class _Outcome:
    """What the command has reached: it decides what an interrupted command may say about the job."""

    is_sent: bool = False
    """True if the job may be stored."""
    is_stored: bool = False
    view: JobView | None = None
    """The last view of the whole job."""
    file: Path | None = None


@click.command(cls=Command)
@request_options
@click.option("-o", "--output", type=FilePath(), metavar="FILE", help="The file or folder to write the video to.")
@click.option(
    "--timeout",
    "timeout_s",
    type=Seconds(min=0, min_open=True),
    metavar="S",
    help="Wait for S seconds at most; the job continues.",
)
@json_option
@url_option
def generate(url: str | None, output: Path | None, timeout_s: float | None, as_json: bool, **given: object) -> None:
    """Make a video from a prompt or a scene, and wait for it.

    Without --url the job is stored in the data folder, and a worker runs here until the job has ended. The file is
    written to -o, or into this folder. With --url a running facade makes the video, and -o downloads it.
    """
    check_target(output)
    options = _Options(request=build_request(**given), url=url, output=output, timeout_s=timeout_s)
    outcome = _Outcome()
    try:
        view = asyncio.run(_make(options, outcome))
        if as_json:
            echo(json.dumps({**view.model_dump(mode="json"), "file": str(outcome.file) if outcome.file else None}))
        elif view.state is JobState.SUCCEEDED:
            echo(f"{outcome.file or view.video_url}\n{result(view)}")
    except KeyboardInterrupt:
        raise Interrupted(f"Interrupted. {_describe_job(options, outcome)}") from None
    if not view.state.ended:
        raise WaitExpired(
            f"Not ended after {timeout_s:g} s ({view.state}); {options.continuation}; see {options.status_command}"
        )
    if view.state is not JobState.SUCCEEDED:
        raise NoVideo(format_ending(view))


async def _make(options: _Options, outcome: _Outcome) -> JobView:
    """Return the job when it has ended or the wait has expired, and set `outcome.file` to its file."""
    with open_progress(options.job_id) as show:
        async with options.open_client() as client:
            try:
                outcome.is_sent = True
                await client.submit(options.request)
                outcome.is_stored = True
                view = outcome.view = await _follow(client, options, show)
                output = options.output or (Path() if options.url is None else None)
                if output and view.state is JobState.SUCCEEDED:
                    outcome.file = await download(client, view, output)
                return view
            except asyncio.CancelledError:
                click.echo("Ending …", err=True)  # a worker may need some seconds to return its messages
                raise


async def _follow(client: JobClient, options: _Options, show: Show) -> JobView:
    with suppress(TimeoutError):
        async with asyncio.timeout(options.timeout_s), aclosing(client.follow(options.job_id)) as updates:
            async for update in updates:
                show(update)
                if update.end:
                    return update.end
    return await client.status(options.job_id)


def _describe_job(options: _Options, outcome: _Outcome) -> str:
    """Return what is known about the job of an interrupted command."""
    view = outcome.view
    if outcome.file:
        return f"The video is finished: {outcome.file}"
    if view and view.state is JobState.SUCCEEDED:
        return f"The video is finished, but not downloaded; the same command with --id {options.job_id} downloads it"
    if view and view.state.ended:
        return f"The job is {view.state}; see {options.status_command}"
    if outcome.is_stored:
        return f"The job is not cancelled, {options.continuation}; see {options.status_command}"
    if outcome.is_sent:
        return f"The job may be stored; it is not cancelled; see {options.status_command}"
    return "No job was made"
