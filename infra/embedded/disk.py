"""Tells whether the folders of the embedded default can be written to: a full disk reads as well as ever."""

import asyncio
import os
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from schemas.errors import Unavailable, unavailable_of

_KEPT_S = 5.0
"""How long an answer is kept, so that probes cost two small files at most so often."""
_BYTES = 4096


class Disk:
    """Writes a small file into each folder, and deletes it."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(dict.fromkeys(folders))
        self._looked_at = float("-inf")
        self._found: Unavailable | None = None

    async def check(self) -> None:
        """Raise `Unavailable` unless all of them could be written to a moment ago."""
        if time.monotonic() - self._looked_at >= _KEPT_S:
            self._looked_at = time.monotonic()
            self._found = await asyncio.to_thread(self._look)
        if self._found:
            raise self._found

    def _look(self) -> Unavailable | None:
        for folder in self._folders:
            path = folder / f".probe-{secrets.token_hex(8)}"
            try:
                with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(bytes(_BYTES))
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                return unavailable_of("the data folder", error)
            finally:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
        return None
