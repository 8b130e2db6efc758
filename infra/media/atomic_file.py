"""Atomic file writes: a file exists whole or not at all, even if its writer is killed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def write_atomically(to: Path) -> Iterator[Path]:
    """Yield a path to write to. Leaving the block renames that file to `to`; an error deletes it."""
    part = to.with_name(f".{to.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)
