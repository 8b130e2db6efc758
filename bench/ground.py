"""What a worker stands on: a bus, a job store, a bucket and a model on the wire, each a process of its own."""

import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx

from bench.process import Process, running
from infra.gcp.emulators import find_emulators, storage
from infra.gcp.emulators import run_emulators as emulators_running

Kind = Literal["embedded", "google"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """One folder, and the environment that leads a worker to the rest."""

    folder: Path
    environment: Mapping[str, str]
    vertex: str
    """Address of the model on the wire."""

    @contextmanager
    def worker(self, module: str = "subscriber", **settings: str) -> Iterator[Process]:
        """A worker that takes requests. `settings` are its own, in the environment's words."""
        log = self.folder / f"worker-{uuid.uuid4().hex[:6]}.log"
        with running(module, "--ready-fd", "{ready}", environment={**self.environment, **settings}, log=log) as process:
            yield process

    def polls(self) -> int:
        """How many the model has answered."""
        return int(httpx.get(f"{self.vertex}/_accepted", timeout=60).json()["polls"])


@contextmanager
def ground(kind: Kind, *, film_s: float, servers: Mapping[str, str] | None = None) -> Iterator[Ground]:
    """Bus and job store as `kind` says; either way the files lie in a Cloud Storage server, as Vertex AI wants it.

    The model takes `film_s` for a film. `servers`: emulators that run already. Raises `Unavailable` where a program is
    missing.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reelbus-bench-")))
        if servers is None:
            servers = stack.enter_context(emulators_running(find_emulators() if kind == "google" else [storage()]))
        unique = uuid.uuid4().hex[:10]
        bucket, project = f"bench-{unique}", f"project-{unique}"
        httpx.post(f"{servers['STORAGE_EMULATOR_HOST']}/storage/v1/b", json={"name": bucket}).raise_for_status()
        vertex = stack.enter_context(_vertex(bucket, servers, folder, film_s))
        if kind == "google":
            set_up({**servers, **_google(project), "REELBUS_VIDEOS": f"gs://{bucket}"})
        yield Ground(
            folder=folder,
            environment={
                **servers,
                **(_google(project) if kind == "google" else {}),
                "REELBUS_DATA_DIR": str(folder / "data"),
                "REELBUS_VIDEOS": f"gs://{bucket}",
                "REELBUS_PROVIDER": f"vertex://{project}",
                "REELBUS_VERTEX_BASE_URL": vertex.said,
                "REELBUS_SUBMITS_PER_MINUTE": "1000000",
            },
            vertex=vertex.said,
        )


def set_up(environment: Mapping[str, str]) -> None:
    """Make the topics and subscriptions that the environment names, and the bucket if it is missing."""
    command = [sys.executable, "-m", "publisher", "setup"]
    subprocess.run(command, env={**os.environ, **environment}, check=True, capture_output=True)


def _google(project: str) -> dict[str, str]:
    return {"REELBUS_BUS": f"pubsub://{project}", "REELBUS_JOBS": f"firestore://{project}/(default)"}


@contextmanager
def _vertex(bucket: str, servers: Mapping[str, str], folder: Path, film_s: float) -> Iterator[Process]:
    arguments = ("--bucket", bucket, "--seconds", f"{film_s:g}")
    with running("tests.vertex.server", *arguments, environment=servers, log=folder / "vertex.log") as process:
        yield process
