"""One project on Google's emulators, for a house to stand on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.gcp.emulated import Project
from tests.vertex.depot import BucketDepot, Depot


@dataclass(frozen=True)
class Cloud:
    """`Ground` of one house alone: its project, and its bucket."""

    root: Path
    project: Project
    name: Literal["emulators"] = "emulators"

    def addresses(self, house: str) -> Mapping[str, str]:
        """The same for whatever name."""
        del house
        return {"bus": self.project.bus_url, "jobs": self.project.jobs_url, "videos": self.project.videos_url}

    def environment(self, house: str) -> Mapping[str, str]:
        """Where the emulators are."""
        del house
        return self.project.environment

    def depot(self) -> Depot:
        """The bucket."""
        return BucketDepot(self.project.environment["STORAGE_EMULATOR_HOST"], self.project.bucket)
