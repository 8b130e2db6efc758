"""A secret that all processes on one folder share, and nobody has to think of."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from infra.embedded.private import make_folder
from schemas.errors import unavailable_of

_NAME = ".link-secret"
"""No safe name of a file begins with a dot: it is never served."""
_BYTES = 32


def shared_secret(folder: Path) -> bytes:
    """The same for everybody on this folder; made by whoever comes first. Blocks. Raises `Unavailable`."""
    path, own = folder / _NAME, folder / f"{_NAME}.{secrets.token_hex(8)}"
    try:
        make_folder(folder)
        if not path.exists():
            with open(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(_BYTES))
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):  # somebody else came first: theirs counts
                os.link(own, path)
        return path.read_bytes()
    except OSError as error:
        raise unavailable_of("the secret of the video folder", error) from error
    finally:
        own.unlink(missing_ok=True)
