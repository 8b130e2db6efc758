"""One set of Google's emulators for all processes of a test run.

Whoever needs them first starts them and leaves their addresses in the run's folder, for the others to read. Everybody
holds a lock on them together; whoever started them takes the addresses away at its end, so that nobody joins any
more, and waits until nobody else holds that lock.
"""

import fcntl
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from infra.gcp.emulators import Emulator, find_emulators, run_emulators


@contextmanager
def shared_emulators(
    folder: Path, found: Callable[[], Sequence[Emulator]] = find_emulators
) -> Iterator[Mapping[str, str]]:
    """The environment that leads to them. `folder` is the run's. Raises `Unavailable` where one can't be started."""
    addresses = folder / "emulators.json"
    with ExitStack() as own, (folder / "emulators.users").open("w") as users:
        with _door(folder):
            if not (joins := addresses.exists()):
                addresses.write_text(json.dumps(dict(own.enter_context(run_emulators(found())))))
            environment = json.loads(addresses.read_text())
            fcntl.flock(users, fcntl.LOCK_SH)
        yield environment
        if not joins:
            with _door(folder):
                addresses.unlink()
            fcntl.flock(users, fcntl.LOCK_EX)


@contextmanager
def _door(folder: Path) -> Iterator[None]:
    """One process at a time comes or goes."""
    with (folder / "emulators.door").open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        yield
