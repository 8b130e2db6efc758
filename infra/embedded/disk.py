"""Check that the folders of the embedded default can be written to: a full disk can still be read."""

import asyncio
import os
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from schemas.errors import Unavailable, unavailable_of

_KEPT_S = 5.0
"""How long a result is kept, so that probes write at most two small files in this time."""
_BYTES = 4096


class Disk:
    """Writes a small file into each folder, and deletes it."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(dict.fromkeys(folders))
        self._checked_at = float("-inf")
        self._error: Unavailable | None = None

    async def check(self) -> None:
        """Raise `Unavailable` unless all folders could be written to within the last 5 s."""
        if time.monotonic() - self._checked_at >= _KEPT_S:
            self._checked_at = time.monotonic()
            self._error = await asyncio.to_thread(self._try_to_write)
        if self._error:
            raise self._error

    def _try_to_write(self) -> Unavailable | None:
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
