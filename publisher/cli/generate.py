"""`reelbus generate`: one video from a prompt, through a running facade or right here."""

import asyncio
import json
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from dataclasses import dataclass
from pathlib import Path

import click

from publisher.cli.door import Door
from publisher.cli.door_option import door, json_option, url_option
from publisher.cli.exits import Interrupted, NoVideo, Verb, WaitOver
from publisher.cli.facts import ending, result
from publisher.cli.generate_options import request_options
from publisher.cli.in_place import in_place
from publisher.cli.order import order
from publisher.cli.progress import Show, showing
from publisher.cli.target import bring, check_target
from schemas.request import VideoRequest
from schemas.state import JobState
from schemas.view import JobView


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

    def door(self) -> AbstractAsyncContextManager[Door]:
        return in_place() if self.url is None else door(self.url)


@click.command(cls=Verb)
@request_options
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Where the video goes.")
@click.option("--timeout", "timeout_s", type=click.FloatRange(min=0, min_open=True), metavar="S", help="Wait so long.")
@json_option
@url_option
def generate(url: str | None, output: Path | None, timeout_s: float | None, as_json: bool, **asked: object) -> None:
    """Make a video from a prompt or a scene, and wait for it.

    Without --url everything happens here: the job goes into the data folder and a worker runs until it is done. The
    file goes to -o, else into this folder. With --url a running facade does the work; the file is fetched for -o.
    """
    check_target(output)
    wish = _Wish(request=order(**asked), url=url, output=output, timeout_s=timeout_s)
    try:
        view, file = asyncio.run(_make(wish))
    except KeyboardInterrupt:
        raise Interrupted(f"Interrupted. The job is not cancelled, {wish.afterwards}; look: {wish.again}") from None
    click.echo(_answer(view, file, as_json), nl=view.state is JobState.SUCCEEDED or as_json)
    if not view.state.ended:
        raise WaitOver(f"Not ended after {timeout_s:g} s ({view.state}); {wish.afterwards}; look: {wish.again}")
    if view.state is not JobState.SUCCEEDED:
        raise NoVideo(ending(view))


async def _make(wish: _Wish) -> tuple[JobView, Path | None]:
    """The job when it has ended or the wait is over, and its file."""
    with showing(wish.job_id) as show:
        async with wish.door() as door:
            try:
                await door.submit(wish.request)
                view = await _follow(door, wish, show)
                return view, await _file(door, wish, view)
            except asyncio.CancelledError:
                click.echo("Ending …", err=True)  # a worker may take some seconds to hand back what it holds
                raise


async def _follow(door: Door, wish: _Wish, show: Show) -> JobView:
    with suppress(TimeoutError):
        async with asyncio.timeout(wish.timeout_s), aclosing(door.follow(wish.job_id)) as following:
            async for news in following:
                show(news)
                if news.end:
                    return news.end
    return await door.status(wish.job_id)


async def _file(door: Door, wish: _Wish, view: JobView) -> Path | None:
    output = wish.output or (Path() if wish.url is None else None)
    return await bring(door, view, output) if output and view.state is JobState.SUCCEEDED else None


def _answer(view: JobView, file: Path | None, as_json: bool) -> str:
    if as_json:
        return json.dumps({**view.model_dump(mode="json"), "file": str(file) if file else None})
    return f"{file or view.video_url}\n{result(view)}" if view.state is JobState.SUCCEEDED else ""
