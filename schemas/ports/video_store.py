"""The store of videos, posters, reference images and intermediate files."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredFile:
    """A file in the video store."""

    name: str
    size_bytes: int
    stored_at: datetime


class VideoStore(Protocol):
    """Files by name.

    A new adapter must guarantee that a reader never sees a part of a file, that the content of a name never changes,
    and that of two processes that put the same name exactly one gets True. `tests/contract/test_videos.py` proves it.
    """

    @property
    def reads(self) -> frozenset[str]:
        """The beginnings of foreign URIs that a caller may use for an image, for example {"gs://bucket/"}."""

    async def put(self, name: str, source: Path | bytes, *, content_type: str) -> bool:
        """Store the file if the name is free; return False if it is taken. Raises `Invalid` for an unsafe name."""

    async def fetch(self, name: str, to: Path) -> None:
        """Copy the file to a local one. `name` may also be the URI of an image under `reads`.

        In a worker's scratch folder the copy may be a link to the stored file: nothing writes into it.
        Raises `NotFound`, and `Invalid` for an unsafe name, another URI and an image that is too large.
        """

    async def list(self, prefix: str) -> Sequence[StoredFile]:
        """Return all files under a prefix, by name."""

    async def delete(self, name: str) -> None:
        """Delete the file if it exists."""

    async def url_for(self, name: str) -> str:
        """Return the URL for a viewer: the public address, or a newly signed one."""
