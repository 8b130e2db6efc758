"""What has to happen for as long as the process lives. A thread, so that a held-up event loop loses no lease."""

import logging
import threading
from collections.abc import Callable
from sqlite3 import Connection

from infra.embedded.database import Database
from schemas.errors import Unavailable

log = logging.getLogger(__name__)


class Heartbeat:
    """Runs one write operation again and again until stopped."""

    def __init__(self, database: Database, beat: Callable[[Connection], None], *, every_s: float) -> None:
        self._database = database
        self._beat = beat
        self._every_s = every_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bus-heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Blocks until a beat that has begun is over."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        pause_s = self._every_s
        while not self._over.wait(pause_s):
            pause_s = self._every_s if self._try() else self._every_s / 5

    def _try(self) -> bool:
        try:
            self._database.write_blocking(self._beat)
        except Unavailable as error:
            extra = {"action": "lease_renewal_failed", "cause": str(error)}
            log.warning("leases could not be renewed", extra=extra)
            return False
        except Exception:
            # Whatever it was: a heartbeat that ends would lose every lease without a word.
            log.exception("leases could not be renewed", extra={"action": "lease_renewal_failed"})
            return False
        return True
