"""Read a small file of the video store into memory."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from schemas.ports import VideoStore


async def read_stored_file(videos: VideoStore, name: str, *, scratch: Path | None = None) -> bytes:
    """Return the contents. A copy is made in a new folder for a moment. Raises `NotFound`, `Unavailable`, `OSError`.

    The folder is made in `scratch`, by default where the system keeps temporary files. A worker names its own scratch
    folder: if it is killed meanwhile, the next worker deletes what it left there.
    """
    with TemporaryDirectory(prefix="stored-file-", dir=scratch) as folder:
        copy = Path(folder) / "copy"
        await videos.fetch(name, copy)
        return await asyncio.to_thread(copy.read_bytes)
