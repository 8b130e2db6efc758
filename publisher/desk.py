"""What the use cases need of the world, in one value."""

from dataclasses import dataclass

from publisher.worker_watch import WorkerWatch
from schemas.ports import Bus, Clock, JobStore, VideoStore


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """The publisher's open ports. Only `publisher.compose` makes one from settings."""

    bus: Bus
    jobs: JobStore
    videos: VideoStore
    clock: Clock
    workers: WorkerWatch | None = None
    """Tells how long no worker was seen."""
