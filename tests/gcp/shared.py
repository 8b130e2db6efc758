"""One set of Google's emulators for all processes of a test run.

Whoever needs them first starts them and leaves their addresses in the run's folder, for the others to read. Everybody
holds a lock on them together; whoever started them waits at its end until nobody else does.
"""

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from infra.gcp.emulator_programs import installed
from infra.gcp.emulators import running


@contextmanager
def shared_emulators(folder: Path) -> Iterator[Mapping[str, str]]:
    """The environment that leads to them. `folder` is the run's. Raises `Unavailable` where one can't be started."""
    addresses = folder / "emulators.json"
    with (folder / "emulators.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if addresses.exists():
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield json.loads(addresses.read_text())
            return
        with running(installed()) as environment:
            addresses.write_text(json.dumps(dict(environment)))
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield environment
            fcntl.flock(lock, fcntl.LOCK_EX)
            addresses.unlink()
