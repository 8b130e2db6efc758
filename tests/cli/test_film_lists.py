"""`films` lists films of the folder or of a facade, and `purge --film` erases one."""

import asyncio
import json
from pathlib import Path

import pytest

from publisher.access import Access
from publisher.cli.clients import LocalClient
from publisher.cli.film import LocalFilms, await_end
from publisher.context import PublisherContext
from publisher.films.orders import cancel_film, order_film
from publisher.films.view import FilmView
from schemas.domain.film import Film, FilmState
from schemas.wire.film import FilmRequest
from tests.cli.commands import PROMPT, Shell, complaint
from tests.facade.process import server_at


def ordered(shell: Shell, film_id: str, project_id: str) -> None:
    """A film that was cancelled before anything was sent."""
    fields = {"film_id": film_id, "project_id": project_id, "scenes": [{"name": "one", "prompt": PROMPT}]}

    async def cancel(desk: PublisherContext) -> Film:
        film = await cancel_film(desk, await order_film(desk, FilmRequest.model_validate(fields), Access()))
        assert desk.films
        return await desk.films.save(film.note_announced(film.changed_at))

    shell.with_desk(cancel)


def test_films_are_listed(shell: Shell) -> None:
    assert shell("films").stdout == f"No films in {shell.data_dir}.\n"
    ordered(shell, "spring", "p1")
    ordered(shell, "autumn", "p2")
    lines = shell("films").stdout.splitlines()
    assert [line.split()[:4] for line in lines[1:]] == [[name, "1", "cancelled", "1"] for name in ("autumn", "spring")]
    page = json.loads(shell("films", "--limit", "1", "--json").stdout)
    assert [film["film_id"] for film in page["films"]] == ["autumn"]
    assert "spring" in shell("films", "--cursor", page["next_cursor"]).stdout
    assert "autumn" not in shell("films", "--project", "p1").stdout
    assert "state must be one of planned" in complaint(shell("films", "--state", "odd"))


def test_the_command_says_how_a_cancelled_film_goes_on(shell: Shell, tmp_path: Path) -> None:
    ordered(shell, "spring", "p1")
    board = {"film_id": "spring", "project_id": "p1", "scenes": [{"name": "one", "prompt": PROMPT}]}
    (tmp_path / "board.json").write_text(json.dumps(board))
    given = ("film", str(tmp_path / "board.json"))
    warning = "warning: revision 1 is cancelled, and an order of it makes nothing; raise revision to go on"
    assert warning in shell(*given, "--plan").stdout.splitlines()
    done = shell(*given)
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (
        1,
        "Error: film spring is cancelled: raise revision in the storyboard to order it again; what was paid is kept",
    )
    (tmp_path / "board.json").write_text(json.dumps({**board, "revision": 2}))
    assert "warning" not in shell(*given, "--plan").stdout


@pytest.mark.parametrize("command", ["status", "cancel", "open"])
def test_a_command_on_jobs_says_that_the_id_is_that_of_a_film(shell: Shell, command: str) -> None:
    ordered(shell, "spring", "p1")
    done = shell(command, "spring")
    assert (done.exit_code, complaint(done)) == (
        3,
        "Error: there is no job spring, but a film has this id: `reelbus film` makes it, a facade cancels it "
        "(docs/film.md)",
    )
    assert complaint(shell(command, "autumn")) == "Error: there is no job autumn"


def test_a_wait_that_has_expired_shows_the_film_as_it_is(shell: Shell) -> None:
    """Not as it was ordered: no look takes place within so short a wait."""
    request = FilmRequest.model_validate({"film_id": "spring", "scenes": [{"name": "one", "prompt": PROMPT}]})

    async def wait(desk: PublisherContext) -> FilmView:
        film, films = await order_film(desk, request, Access()), LocalFilms(LocalClient(desk))
        ordered = await films.status("spring")
        assert desk.films
        await desk.films.save(film.await_scenes(film.changed_at))
        return await await_end(films, ordered, 0.01)

    assert shell.with_desk(wait).state is FilmState.RENDERING


async def test_a_facade_lists_its_films(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "data")
    await asyncio.to_thread(ordered, shell, "spring", "p1")
    async with server_at(tmp_path / "data") as server:
        done = await asyncio.to_thread(Shell(tmp_path / "other"), "films", "--url", server.url, "--state", "cancelled")
        job = await asyncio.to_thread(Shell(tmp_path / "other"), "status", "spring", "--url", server.url)
    assert "spring" in done.stdout, done.output
    assert "but a film has this id" in complaint(job)


def test_a_film_is_erased_by_its_id(shell: Shell) -> None:
    ordered(shell, "spring", "p1")
    assert shell("purge", "--film", "spring", "--dry-run").stdout == "film spring would be erased\n"
    assert shell("purge", "--film", "spring").stdout == "film spring is erased\n"
    assert "cancelled (erased)" in shell("films", "--state", "cancelled").stdout
    assert shell("purge", "--project", "p1").stdout == f"No jobs in {shell.data_dir}.\n"
    assert "there is no film other" in complaint(shell("purge", "--film", "other"))
    assert "or --caller, or --film" in complaint(shell("purge", "--film", "spring", "--project", "p1"))
