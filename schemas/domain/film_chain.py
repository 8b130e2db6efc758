"""Scenes that continue from the one before: its last good frame is their first one. Pure.

The frame is named by the job whose video shows it, and not by its content. So the request and the id of the next scene
are known before any video exists, and every director makes the same job, whatever its decoder makes of the video.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction

from schemas.domain.object_names import REFERENCE_SCHEME, name_in_store, reference_name
from schemas.errors import Invalid
from schemas.wire.film import FilmRequest, FilmScene

WARNED_FROM = 4
"""So many scenes that continue one after the other: each is a little softer than the one before it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FirstFrame:
    """The first frame of a scene that continues."""

    job_id: str
    """The stored id of the job whose video shows it."""
    end_ms: int
    """Where the film stops to show that video."""

    @classmethod
    def build(cls, job_id: str, scene: FilmScene, seconds: int) -> "FirstFrame":
        """Return the frame at the end of what the film shows of a `scene` of so many seconds."""
        end = seconds if scene.trim.end is None else Fraction(str(scene.trim.end))
        return cls(job_id=job_id, end_ms=round(end * 1000))

    @property
    def reference(self) -> str:
        """The name by which a request names it."""
        digest = hashlib.sha256(json.dumps(["last frame", self.job_id, self.end_ms]).encode()).hexdigest()
        return REFERENCE_SCHEME + reference_name(digest, "jpg")

    @property
    def name(self) -> str:
        """The name in the video store."""
        return name_in_store(self.reference) or ""


def check_chain(request: FilmRequest) -> None:
    """Raise `Invalid` for a scene that can't continue from the one before."""
    for index, scene in enumerate(request.scenes):
        field = f"scenes.{index}.continue_from_previous"
        if scene.continue_from_previous and index == 0:
            raise Invalid(f"{field} can't be true: no scene is before it", field=field)
        if scene.continue_from_previous and scene.reference_image:
            raise Invalid(f"{field} can't be true for a scene with a reference_image, its first frame", field=field)


def find_broken(frames: Mapping[str, FirstFrame], existing: Collection[str], failed: Collection[str]) -> set[str]:
    """Return the jobs that are not made: the scene before has `failed`, or is not made for the same reason.

    `frames` are in the order of the film, by the jobs that begin with them.
    """
    broken = set[str]()
    for job_id, frame in frames.items():
        if job_id not in existing and (frame.job_id in failed or frame.job_id in broken):
            broken.add(job_id)
    return broken


def find_chain_warnings(request: FilmRequest) -> list[str]:
    """Return a warning about the scenes from the fourth link of a chain on."""
    links, late = 0, list[str]()
    for scene in request.scenes:
        links = links + 1 if scene.continue_from_previous else 0
        if links >= WARNED_FROM:
            late.append(scene.name)
    words = f"these scenes are link {WARNED_FROM} or later of a chain, and may drift: {', '.join(late)}"
    return [f"{words}; begin a new chain, or share reference_images"] if late else []
