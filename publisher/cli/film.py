"""`reelbus film`: one film of a storyboard, in this folder or by a running facade. The price comes first.

The same command again finds the same film: what was interrupted goes on, and nothing is paid twice.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Protocol

import click
from pydantic import ValidationError

from publisher.access import Access
from publisher.cli.clients import LocalClient, open_local_client, open_local_pipeline
from publisher.cli.errors import BadInput, Command, Interrupted, NoVideo, WaitExpired
from publisher.cli.film_music import read_music
from publisher.cli.generate import check_target, write_whole
from publisher.cli.http_client import HttpClient
from publisher.cli.money import pay_option
from publisher.cli.options import FilePath, Seconds, json_option, open_facade, read_file, url_option
from publisher.cli.output import echo
from publisher.films.orders import find_film, order_film
from publisher.films.plan import FilmPlan, plan_film
from publisher.films.view import FilmFileView, FilmView, view_film
from publisher.plan import show_seconds
from schemas.domain.film import FilmState
from schemas.domain.film_words import one_line
from schemas.errors import NotFound, Unavailable
from schemas.wire.checks import DROPPED
from schemas.wire.film import FilmRequest
from schemas.wire.validation import parse_object, to_invalid

STORYBOARD_AT_MOST = 28_000_000
_LOOK_EVERY_S = 1.0
_WORDS = {
    "new": "new",
    "reused": "reused",
    "replay": "new, was cancelled",
    "failed": "has no video",
    "erased": "was erased",
}
_DROPPED_WORDS = (
    "provenance: dropped. The C2PA manifests of the scenes were lost; docs/provenance.md says how to keep them"
)


class FilmClient(Protocol):
    """What the command can do with films."""

    async def plan(self, request: FilmRequest) -> FilmPlan:
        """Return the price. Raises `Invalid` and `Conflict`."""

    async def order(self, request: FilmRequest) -> FilmView:
        """Order the film, or find it."""

    async def status(self, film_id: str) -> FilmView:
        """Return the film. Raises `NotFound`."""

    async def fetch(self, file: FilmFileView, to: Path) -> None:
        """Write a finished file to a local file."""


class LocalFilms:
    """Calls the use cases in this process."""

    def __init__(self, client: LocalClient) -> None:
        self._client, self._ctx, self._access = client, client.ctx, Access()

    async def plan(self, request: FilmRequest) -> FilmPlan:
        return await plan_film(self._ctx, request, self._access)

    async def order(self, request: FilmRequest) -> FilmView:
        return await view_film(self._ctx, await order_film(self._ctx, request, self._access), self._access)

    async def status(self, film_id: str) -> FilmView:
        self._client.check()
        return await view_film(self._ctx, await find_film(self._ctx, film_id, self._access), self._access)

    async def fetch(self, file: FilmFileView, to: Path) -> None:
        await self._ctx.videos.fetch(file.gcs_path, to)


class HttpFilms:
    """Calls a facade."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    async def plan(self, request: FilmRequest) -> FilmPlan:
        return await self._client.call(FilmPlan, "POST", "/api/films/plan", json=request.body())

    async def order(self, request: FilmRequest) -> FilmView:
        return await self._client.call(FilmView, "POST", "/api/films", json=request.body())

    async def status(self, film_id: str) -> FilmView:
        return await self._client.call(FilmView, "GET", f"/api/films/{film_id}")

    async def fetch(self, file: FilmFileView, to: Path) -> None:
        await self._client.download(file.url, to)


@asynccontextmanager
async def open_films(url: str | None, *, works: bool) -> AsyncIterator[FilmClient]:
    """Open the films of a facade, or of this folder; there a worker runs if it `works`."""
    if url is not None:
        async with open_facade(url) as connection:
            yield HttpFilms(HttpClient(connection))
        return
    async with open_local_pipeline() if works else open_local_client() as local:
        yield LocalFilms(local)


@click.command(cls=Command)
@click.argument("storyboard", metavar="STORYBOARD.json")
@click.option(
    "-o",
    "--output",
    type=FilePath(),
    metavar="FILE",
    help="The file or folder to write the film to.  [default: FILM_ID.mp4]",
)
@click.option("--plan", "is_plan", is_flag=True, help="Show the price and the length, and make nothing.")
@pay_option
@click.option(
    "--timeout",
    "timeout_s",
    type=Seconds(min=0, min_open=True),
    metavar="S",
    help="Wait for S seconds at most; the film goes on.",
)
@json_option
@url_option
def film(
    storyboard: str,
    output: Path | None,
    is_plan: bool,
    pay: bool,
    timeout_s: float | None,
    as_json: bool,
    url: str | None,
) -> None:
    """Make one film of up to 60 scenes: the price first, then the film.

    STORYBOARD.json has the scenes (- for stdin). A film that costs something is ordered with --pay alone, and never
    costs more than was shown. The same command goes on with a film that was interrupted. Files that the storyboard asks
    for beside the film, such as its captions, are written beside it. audio.music.uri may be a path, from the folder of
    the storyboard. docs/film.md describes the storyboard.
    """
    request = read_storyboard(storyboard)
    check_target(output)
    if is_plan:
        plan = asyncio.run(_plan(request, url))
        echo(plan.model_dump_json() if as_json else format_plan(plan))
        return
    again = f"the same command goes on with film {request.film_id}"
    try:
        view, files = asyncio.run(_make(request, url=url, output=output, pay=pay, timeout_s=timeout_s))
    except KeyboardInterrupt:
        raise Interrupted(f"Interrupted. {again}") from None
    if as_json:
        echo(view.model_dump_json())
    elif view.state is FilmState.SUCCEEDED:
        paths = "\n".join(map(str, files))
        echo(f"{paths}\n{show_seconds(view.duration_seconds)}, {len(view.scenes)} scenes, ${view.cost_usd:.2f}")
        if view.provenance == DROPPED:
            click.echo(_DROPPED_WORDS, err=True)
    if not view.state.ended:
        raise WaitExpired(f"Not ended after {timeout_s:g} s ({view.state}); {again}")
    if view.state is not FilmState.SUCCEEDED:
        raise NoVideo(_say_end(view))


def _say_end(view: FilmView) -> str:
    words = f"film {view.film_id} is {view.state}"
    if view.state is FilmState.CANCELLED:
        words += ": raise revision in the storyboard to order it again; what was paid is kept"
    return words + (f": {view.error.message}" if view.error else "")


def read_storyboard(given: str) -> FilmRequest:
    """Return the storyboard of a file. Raises `Invalid`, which names the field."""
    text = read_file(given, field="storyboard", max_bytes=STORYBOARD_AT_MOST)
    board = parse_object(text, what="storyboard")
    read_music(board, folder=Path() if given == "-" else Path(given).parent)
    try:
        return FilmRequest.model_validate(board)
    except ValidationError as error:
        raise to_invalid(error) from error


def format_plan(plan: FilmPlan) -> str:
    """Return the plan for people: one line for each scene and title card, and the sum."""
    width = max(len(each.name) for each in plan.scenes)
    shown = [
        (each.start_s, each.end_s, each.name, f"{each.model}  ${each.price_usd:.2f}  {_WORDS[each.status]}")
        for each in plan.scenes
    ]
    shown += [(each.start_s, each.end_s, "", f"title: {one_line(each.text)}") for each in plan.titles]
    lines = [f"{name:<{width}}  {start:7.2f} to {end:7.2f} s  {words}" for start, end, name, words in sorted(shown)]
    lines += [f"warning: {words}" for words in plan.warnings]
    if plan.refusal:
        lines.append(f"refused: {plan.refusal.message}")
    return "\n".join(
        (*lines, f"film {plan.film_id}, revision {plan.revision}: {show_seconds(plan.duration_seconds)}", _sum(plan))
    )


def _sum(plan: FilmPlan) -> str:
    count = sum(each.status in ("new", "replay") for each in plan.scenes)
    return f"new: {count} of {len(plan.scenes)} scenes, ${plan.price_usd:.2f}"


async def _plan(request: FilmRequest, url: str | None) -> FilmPlan:
    async with open_films(url, works=False) as films:
        return await films.plan(request)


async def _make(
    request: FilmRequest, *, url: str | None, output: Path | None, pay: bool, timeout_s: float | None
) -> tuple[FilmView, list[Path]]:
    """Return the film when it has ended or the wait has expired, and its files."""
    async with open_films(url, works=True) as films:
        plan = await films.plan(request)
        click.echo(format_plan(plan), err=True)
        if plan.price_usd and not pay:
            raise BadInput(f"It would pay ${plan.price_usd:.2f}. Nothing was ordered; add --pay to agree.")
        # What is paid is at most what was shown, also if another process changes the film in between.
        most = plan.price_usd if request.max_cost_usd is None else min(plan.price_usd, request.max_cost_usd)
        view = await films.order(request.model_copy(update={"max_cost_usd": most}))
        view = await await_end(films, view, timeout_s)
        if view.state is not FilmState.SUCCEEDED:
            return view, []
        return view, await _download(films, view, output or Path(f"{request.film_id}.mp4"))


async def await_end(films: FilmClient, view: FilmView, timeout_s: float | None) -> FilmView:
    """Return the film when it has ended, or as it is when the wait has expired."""
    try:
        async with asyncio.timeout(timeout_s):
            return await _follow(films, view)
    except TimeoutError:
        with suppress(Unavailable):
            return await films.status(view.film_id)
        return view


async def _follow(films: FilmClient, view: FilmView) -> FilmView:
    """Show what changes until the film has ended. A facade that does not answer is asked again for two minutes."""
    shown, failures = "", 0
    while not view.state.ended:
        done = sum(scene.state == "succeeded" for scene in view.scenes)
        line = f"{view.state}: {done} of {len(view.scenes)} scenes"
        if line != shown:
            click.echo(line, err=True)
        shown = line
        await asyncio.sleep(_LOOK_EVERY_S)
        try:
            view, failures = await films.status(view.film_id), 0
        except Unavailable:
            failures += 1
            if failures > 120 or isinstance(films, LocalFilms):
                raise
    return view


def _file_in(target: Path, view: FilmView) -> Path:
    return target / f"{view.film_id}.mp4" if target.is_dir() else target


async def _download(films: FilmClient, view: FilmView, target: Path) -> list[Path]:
    """Write the film to that file, or into that folder, and beside it its other files. Return their paths."""
    if view.gcs_path is None:
        raise NotFound(f"film {view.film_id} has no file")
    film, to = FilmFileView(kind="mp4", gcs_path=view.gcs_path, url=view.video_url or ""), _file_in(target, view)
    paths = []
    for file in (film, *view.files):
        path = to if file is film else _path_beside(to, Path(file.gcs_path).suffix)
        await write_whole(path, partial(films.fetch, file))
        paths.append(path.absolute())
    return paths


def _path_beside(film: Path, extension: str) -> Path:
    return film.with_suffix(extension) if film.suffix.lower() == ".mp4" else film.with_name(f"{film.name}{extension}")
