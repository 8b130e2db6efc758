"""The emulators of a run: one set for all who overlap, and a new one for whoever comes after them."""

import socket
import time
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Thread

from tests.gcp.shared import shared_emulators
from tests.gcp.test_emulators import a_server


def test_they_run_until_the_last_one_who_uses_them_is_gone(tmp_path: Path) -> None:
    with ExitStack() as first, ExitStack() as second, ExitStack() as third:
        address = _joined(first, tmp_path)
        assert _joined(second, tmp_path) == address
        leaving = Thread(target=first.close)
        leaving.start()
        while (tmp_path / "emulators.json").exists():
            leaving.join(0.01)
        assert _answers(address)
        assert _joined(third, tmp_path) != address
        second.close()
        third.close()
        leaving.join()
    while _answers(address):  # it was killed, and dies in its own time
        time.sleep(0.01)


def _joined(stack: ExitStack, folder: Path) -> str:
    return stack.enter_context(shared_emulators(folder, lambda: [a_server()]))["TEST_SERVER"]


def _answers(address: str) -> bool:
    host, port = address.split(":")
    with closing(socket.socket()) as client:
        return client.connect_ex((host, int(port))) == 0
