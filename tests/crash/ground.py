"""What the houses of the matrix stand on: folders of this machine, or Google's emulators; and a paid model's films."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol
from unittest.mock import patch

from google.cloud.storage import Client

from tests.vertex.depot import BucketDepot, Depot, FolderDepot

BUCKET = "films-of-the-matrix"


class Ground(Protocol):
    """Where jobs, messages and films are kept."""

    @property
    def name(self) -> str:
        """Which it is."""

    @property
    def root(self) -> Path:
        """Holds a folder for each house."""

    def addresses(self, house: str) -> Mapping[str, str]:
        """The bus, the jobs and the videos of one house, as the settings name them."""

    def environment(self, house: str) -> Mapping[str, str]:
        """What its processes need beside the settings."""

    def depot(self) -> Depot:
        """Where the paid model puts its films."""


@dataclass(frozen=True)
class Embedded:
    """A folder for each house: SQLite, and files."""

    root: Path
    name: Literal["embedded"] = "embedded"

    def addresses(self, house: str) -> Mapping[str, str]:
        database = f"sqlite://{self.root}/{house}/reelbus.db"
        return {"bus": database, "jobs": database, "videos": f"file://{self.root}/{house}/videos"}

    def environment(self, house: str) -> Mapping[str, str]:
        return {"CRASH_BUCKET": f"{BUCKET}/{house}/videos"}

    def depot(self) -> Depot:
        return FolderDepot(self.root, BUCKET)


@dataclass(frozen=True)
class Emulated:
    """A project for each house, and one bucket for all."""

    root: Path
    emulators: Mapping[str, str]
    name: Literal["emulators"] = "emulators"

    def addresses(self, house: str) -> Mapping[str, str]:
        project = f"project-{house}"
        return {"bus": f"pubsub://{project}", "jobs": f"firestore://{project}/(default)", "videos": f"gs://{BUCKET}"}

    def environment(self, house: str) -> Mapping[str, str]:
        del house
        return self.emulators

    def depot(self) -> Depot:
        return BucketDepot(self.emulators["STORAGE_EMULATOR_HOST"], BUCKET)


@contextmanager
def emulated(root: Path, emulators: Mapping[str, str]) -> Iterator[Emulated]:
    """The bucket is there, and this process too finds the emulators."""
    with patch.dict("os.environ", emulators):
        with closing(Client()) as client:
            client.create_bucket(BUCKET)
        yield Emulated(root, emulators)
