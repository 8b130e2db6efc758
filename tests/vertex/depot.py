"""Where the films go: a folder, or the bucket of a Cloud Storage server over its JSON API."""

import asyncio
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import httpx


class Depot(Protocol):
    """A bucket."""

    bucket: str

    async def write(self, name: str, data: bytes) -> None:
        """Under that name."""

    async def has(self, name: str) -> bool:
        """Whether there is such an object."""


class FolderDepot:
    """Files under a folder; the bucket's name is only in the addresses."""

    def __init__(self, folder: Path, bucket: str) -> None:
        self.folder, self.bucket = folder, bucket

    async def write(self, name: str, data: bytes) -> None:
        path = self.folder / name
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        await asyncio.to_thread(path.write_bytes, data)

    async def has(self, name: str) -> bool:
        return await asyncio.to_thread((self.folder / name).is_file)


class BucketDepot:
    """A real Cloud Storage server, as `STORAGE_EMULATOR_HOST` names it."""

    def __init__(self, host: str, bucket: str) -> None:
        self.root = (host if "://" in host else f"http://{host}").rstrip("/")
        self.bucket = bucket

    async def write(self, name: str, data: bytes) -> None:
        url = f"{self.root}/upload/storage/v1/b/{self.bucket}/o"
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            answer = await client.post(
                url,
                params={"uploadType": "media", "name": name},
                content=data,
                headers={"content-type": "video/mp4"},
            )
        answer.raise_for_status()

    async def has(self, name: str) -> bool:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            answer = await client.get(f"{self.root}/storage/v1/b/{self.bucket}/o/{quote(name, safe='')}")
        return answer.status_code == 200
