"""`reelbus up`: ready at once, and nothing is left of it afterwards, however it ends."""

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from publisher.cli import reelbus
from publisher.cli.processes import Program, open_child, open_parent_pipe
from tests.cli.processes import Processes


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything(processes: Processes, number: int) -> None:
    up, url = processes.up()
    assert httpx.get(f"{url}/api/videos/health").json()["status"] == "healthy"
    up.signal(number)
    code, out, _ = up.end()
    assert (code, out) == (0, "")


@pytest.mark.quick
def test_a_killed_up_takes_its_children_along(processes: Processes) -> None:
    up, url = processes.up()
    up.signal(signal.SIGKILL)
    assert up.end()[0] == -signal.SIGKILL
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/livez")


@pytest.mark.parametrize(("words", "name"), [("-m subscriber", "worker"), ("-m publisher serve", "facade")])
def test_a_child_that_dies_ends_the_rest(processes: Processes, words: str, name: str) -> None:
    up, _ = processes.up()
    os.kill(up.child(words), signal.SIGKILL)
    code, _, err = up.end()
    assert code == 1
    assert err.endswith(f"Error: the {name} ended by itself by SIGKILL; the rest is stopped\n")


def test_ready_says_what_to_do_next(processes: Processes) -> None:
    line = processes.start("up", "--port", "0").line()
    assert "/api/videos/generate -H 'content-type: application/json' -d '{" in line
    assert re.search(r"Ready at (http://\S+) +console: \1/console ", line)


def test_port_0_is_one_socket_from_up_to_the_facade(processes: Processes) -> None:
    """`up` opens it, the facade gets it, and `up` keeps none: a port that the facade has closed refuses at once."""
    up, _ = processes.up()
    facade = up.child("-m publisher serve --listen-fd")
    if sys.platform == "linux":
        assert not set(_sockets(up.process.pid)) & set(_sockets(facade))


def _sockets(pid: int) -> Iterator[str]:
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            if (name := os.readlink(each)).startswith("socket:"):
                yield name


async def test_a_facade_answers_a_caller_who_came_before_it_listened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The port is open from the parent's first moment: no other program can take it while the facade loads."""
    monkeypatch.setenv("REELBUS_DATA_DIR", str(tmp_path / "data"))
    with socket.create_server(("127.0.0.1", 0)) as listener, open_parent_pipe() as parent_fd:
        port, fd = listener.getsockname()[1], listener.fileno()
        early = asyncio.create_task(asyncio.to_thread(httpx.get, f"http://127.0.0.1:{port}/livez", timeout=60))
        program = Program(
            name="facade",
            module="publisher",
            arguments=["serve", "--listen-fd", str(fd)],
            fds=(fd,),
        )
        async with open_child(program, parent_fd=parent_fd) as facade:
            with pytest.raises(OSError, match="Address already in use"):
                socket.create_server(("127.0.0.1", port))
            assert await facade.ready() == f"http://127.0.0.1:{port}"
            assert (await early).status_code == 200


@pytest.mark.parametrize("kind", ["file", "unbound"])
def test_an_fd_that_does_not_listen_is_refused(kind: str) -> None:
    with socket.socket() as unbound, Path(os.devnull).open("rb") as file:
        fd = file.fileno() if kind == "file" else unbound.fileno()
        result = CliRunner().invoke(reelbus, ["serve", "--listen-fd", str(fd)])
        assert result.exit_code == 2
        assert "--listen-fd" in result.stderr
        assert "must be a socket that listens" in result.stderr
        os.fstat(fd)


def test_a_port_that_is_taken(processes: Processes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for command in ("up", "serve"):
            code, out, err = processes.run(command, "--port", port)
            assert (code, out) == (4, "")
            assert err == f"Error: port {port} of host 127.0.0.1 can't be opened: Address already in use\n"
