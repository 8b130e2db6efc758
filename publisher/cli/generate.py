"""`reelbus generate`: make one video from a prompt, by a running facade or in this folder, and write it to a file."""

import asyncio
import json
import os
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from dataclasses import dataclass
from pathlib import Path

import click

from publisher.cli.clients import JobClient, open_local_pipeline
from publisher.cli.errors import Command, Interrupted, NoVideo, WaitOver
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
    """Before anything is asked for: raises `Invalid` where the file can't be written."""
    if output is None:
        return
    folder = output if os.path.isdir(output) else output.parent
    if not os.path.isdir(folder):
        raise Invalid(f"output {output} can't be written: there is no folder {folder}", field="output")
    if not os.access(folder, os.W_OK):
        raise Invalid(f"output {output} can't be written: the folder {folder} is read-only", field="output")
    if folder == output.parent and os.path.lexists(output) and not os.path.isfile(output):
        raise Invalid(f"output {output} can't be written: it is no file", field="output")
    _try_to_write(output, folder)


def _try_to_write(output: Path, folder: Path) -> None:
    """Rights alone don't tell: a full or odd file system, or a name that is too long, takes no file either."""
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
    """The video as that file, or in that folder. An older file of that name is replaced, and only by a whole one."""
    target = _target(view, output)
    part = target.with_name(_part_name(target.name))
    try:
        await client.fetch(view, part)
        os.replace(part, target)
    except OSError as error:
        raise Unavailable(f"{target} can't be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
    return target.absolute()


def _part_name(name: str) -> str:
    return f".{name}.{os.getpid()}.part"


def _target(view: JobView, output: Path) -> Path:
    return output / Path(view.gcs_path or view.video_id).name if output.is_dir() else output


@dataclass(slots=True)
class _Reached:
    """How far the command came: what it may say of the job when it is interrupted."""

    sent: bool = False
    """Whether the job may be stored."""
    stored: bool = False
    view: JobView | None = None
    """The last view of the whole job."""
    file: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Wish:
    request: VideoRequest
    url: str | None
    output: Path | None
    timeout_s: float | None

    @property
    def job_id(self) -> str:
        return self.request.job_id

    @property
    def again(self) -> str:
        """How to come back to the job."""
        return f"reelbus status {self.job_id}" + (f" --url {self.url}" if self.url else "")

    @property
    def afterwards(self) -> str:
        """Who goes on with it when this command does not."""
        return "it goes on" if self.url else "a worker goes on with it, or this command with --id " + self.job_id

    def client(self) -> AbstractAsyncContextManager[JobClient]:
        return open_local_pipeline() if self.url is None else open_client(self.url)


@click.command(cls=Command)
@request_options
@click.option("-o", "--output", type=FilePath(), metavar="FILE", help="Where the video goes.")
@click.option("--timeout", "timeout_s", type=Seconds(min=0, min_open=True), metavar="S", help="Wait so long.")
@json_option
@url_option
def generate(url: str | None, output: Path | None, timeout_s: float | None, as_json: bool, **asked: object) -> None:
    """Make a video from a prompt or a scene, and wait for it.

    Without --url everything happens here: the job goes into the data folder and a worker runs until it is done. The
    file goes to -o, else into this folder. With --url a running facade does the work; the file is fetched for -o.
    """
    check_target(output)
    wish = _Wish(request=build_request(**asked), url=url, output=output, timeout_s=timeout_s)
    reached = _Reached()
    try:
        view = asyncio.run(_make(wish, reached))
        echo(_answer(view, reached.file, as_json), nl=view.state is JobState.SUCCEEDED or as_json)
    except KeyboardInterrupt:
        raise Interrupted(f"Interrupted. {_what_is_true(wish, reached)}") from None
    if not view.state.ended:
        raise WaitOver(f"Not ended after {timeout_s:g} s ({view.state}); {wish.afterwards}; look: {wish.again}")
    if view.state is not JobState.SUCCEEDED:
        raise NoVideo(format_ending(view))


def _what_is_true(wish: _Wish, reached: _Reached) -> str:
    if reached.file:
        return f"The video is finished: {reached.file}"
    if reached.view and reached.view.state is JobState.SUCCEEDED:
        return f"The video is finished, but not in a file here; the same command with --id {wish.job_id} fetches it"
    if reached.view and reached.view.state.ended:
        return f"The job is {reached.view.state}; look: {wish.again}"
    if reached.stored:
        return f"The job is not cancelled, {wish.afterwards}; look: {wish.again}"
    if reached.sent:
        return f"The job may be stored, and is not cancelled then; look: {wish.again}"
    return "Nothing was asked for"


async def _make(wish: _Wish, reached: _Reached) -> JobView:
    """The job when it has ended or the wait is over. `reached.file` is its file."""
    with open_progress(wish.job_id) as show:
        async with wish.client() as client:
            try:
                reached.sent = True
                await client.submit(wish.request)
                reached.stored = True
                reached.view = await _follow(client, wish, show)
                reached.file = await _file(client, wish, reached.view)
                return reached.view
            except asyncio.CancelledError:
                click.echo("Ending …", err=True)  # a worker may take some seconds to hand back what it holds
                raise


async def _follow(client: JobClient, wish: _Wish, show: Show) -> JobView:
    with suppress(TimeoutError):
        async with asyncio.timeout(wish.timeout_s), aclosing(client.follow(wish.job_id)) as following:
            async for update in following:
                show(update)
                if update.end:
                    return update.end
    return await client.status(wish.job_id)


async def _file(client: JobClient, wish: _Wish, view: JobView) -> Path | None:
    output = wish.output or (Path() if wish.url is None else None)
    return await download(client, view, output) if output and view.state is JobState.SUCCEEDED else None


def _answer(view: JobView, file: Path | None, as_json: bool) -> str:
    if as_json:
        return json.dumps({**view.model_dump(mode="json"), "file": str(file) if file else None})
    return f"{file or view.video_url}\n{result(view)}" if view.state is JobState.SUCCEEDED else ""
