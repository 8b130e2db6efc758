"""A file that is there whole or not at all, whatever stops its writer."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def write_atomically(to: Path) -> Iterator[Path]:
    """A path to write to; leaving the block puts the file in its place, an error takes it away."""
    part = to.with_name(f".{to.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)
