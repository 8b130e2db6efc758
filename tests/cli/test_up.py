"""`reelbus up`: ready at once, and nothing is left of it afterwards, however it ends."""

import os
import re
import signal
import socket

import httpx
import pytest

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


def test_a_port_that_is_taken(processes: Processes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for command in ("up", "serve"):
            code, out, err = processes.run(command, "--port", port)
            assert (code, out) == (4, "")
            assert err == f"Error: port {port} of host 127.0.0.1 can't be opened: Address already in use\n"
