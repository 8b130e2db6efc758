"""The telemetry of a program that is no service: what a command saves is counted, and sent when it ends.

Most commands only read. So OpenTelemetry is loaded at the first write of a record that exists.
"""

import logging
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, cast

from infra.telemetry.opening import has_collector, open_telemetry
from schemas.domain.job import Job
from schemas.ports import JobStore

if TYPE_CHECKING:
    from infra.telemetry.process import Telemetry

logger = logging.getLogger(__name__)

FLUSH_S = 5.0
"""A command is told to stop by no platform, and its connection to the collector is new: more than a service has."""


def count_saves(jobs: JobStore, url: str, stack: AsyncExitStack) -> JobStore:
    """Return the store. What is saved is counted if there is a collector, and sent to it when the stack closes."""
    return cast("JobStore", _CountedJobs(jobs, url, stack)) if has_collector() else jobs


class _CountedJobs:
    """A `JobStore` that does what the store inside it does."""

    def __init__(self, jobs: JobStore, url: str, stack: AsyncExitStack) -> None:
        self._jobs, self._url, self._stack = jobs, url, stack
        self._is_open = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._jobs, name)

    async def save(self, job: Job) -> Job:
        if not self._is_open:
            self._is_open = True
            if telemetry := self._open():
                self._jobs = telemetry.trace_jobs(self._jobs, self._url)
        return await self._jobs.save(job)

    def _open(self) -> "Telemetry | None":
        """Open the telemetry. If that fails, the command goes on, and a line says so."""
        try:
            opened = open_telemetry("command", host="", metrics_port=0, flush_s=FLUSH_S)
            if telemetry := self._stack.enter_context(opened):
                self._stack.push_async_callback(telemetry.settle)
            return telemetry
        except Exception as error:  # noqa: BLE001  # the collector may be meant for other programs
            extra = {"action": "telemetry_missing", "reason": str(error)}
            logger.warning("what this command changes is in no metric: %s", error, extra=extra)
            return None
