"""Atomic file writes: a file exists whole or not at all, even if its writer is killed."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def write_atomically(to: Path) -> Iterator[Path]:
    """Yield a path to write to. Leaving the block renames that file to `to`; an error deletes it."""
    # Random, since two threads of one process may write the same file.
    part = to.with_name(f".{to.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)
