"""The telemetry of one process: it puts its decorators around the ports."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.metrics import Meter

from infra.telemetry.bus import TracedBus
from infra.telemetry.changes import StoredChanges
from infra.telemetry.meters import Meters
from infra.telemetry.model import TracedEditor, TracedModel
from infra.telemetry.server import App, TracedCalls
from infra.telemetry.spans import Tracer
from infra.telemetry.stores import TracedBudgets, TracedJobs, TracedVideos
from schemas.errors import ReelbusError
from schemas.ports import Budgets, Bus, Editor, JobStore, VideoModel, VideoStore

SETTLE_S = 0.3
"""A service that stops has little time, and hardly ever a write to ask for."""
_SYSTEMS = {"pubsub": "gcp_pubsub", "firestore": "gcp.firestore", "vertex": "gcp.vertex_ai"}
"""The names of the conventions by the scheme of an address. Others are named by their scheme."""


class Telemetry:
    """Decorates the ports. Each address says what the port inside is."""

    def __init__(self, tracer: Tracer, meter: Meter, *, is_worker: bool) -> None:
        self._tracer = tracer
        self._meters = Meters(meter)
        self._changes = StoredChanges(self._meters)
        self._stored: TracedJobs | None = None
        if is_worker:
            self._meters.observe("reelbus.jobs.in_flight", self._changes.jobs_in_flight)

    def trace_bus(self, bus: Bus, url: str) -> Bus:
        """Return the bus in spans."""
        return TracedBus(bus, _system_of(url), tracer=self._tracer, meters=self._meters, changes=self._changes)

    def trace_jobs(self, jobs: JobStore, url: str) -> JobStore:
        """Return the job store in spans. It counts what is stored."""
        return self._jobs(jobs, url)

    def trace_budgets(self, budgets: Budgets, jobs: JobStore, url: str) -> Budgets:
        """Return the budgets in spans. `jobs` is the store beside them, without decorators."""
        return TracedBudgets(budgets, self._jobs(jobs, url), self._meters)

    def trace_videos(self, videos: VideoStore) -> VideoStore:
        """Return the video store in spans."""
        return TracedVideos(videos, self._tracer)

    def trace_model(self, model: VideoModel, url: str) -> VideoModel:
        """Return the video model in spans."""
        return TracedModel(model, _system_of(url), self._tracer, self._meters)

    def trace_editor(self, editor: Editor) -> Editor:
        """Return the editor in spans."""
        return TracedEditor(editor, self._tracer)

    def trace_calls(self, app: App, routes: Mapping[Any, str]) -> App:
        """Return the ASGI application in spans. `routes` has the templates of the paths by their endpoints."""
        return TracedCalls(app, tracer=self._tracer, meters=self._meters, routes=routes)

    def watch_waits(self, count: Callable[[], int]) -> None:
        """Export how many callers wait."""
        self._meters.observe("reelbus.facade.waits", lambda: [(count(), {})])

    def count_decision(self, decision: str) -> None:
        """Count a decision of a person."""
        self._meters.add("reelbus.decisions", 1, {"reelbus.decision": decision})

    async def settle(self) -> None:
        """Count the writes whose answers are lost, as far as their jobs' records show that they were stored.

        For the end of a process, while its stores are open. It takes `SETTLE_S` at most.
        """
        with suppress(TimeoutError, ReelbusError):
            async with asyncio.timeout(SETTLE_S):
                while self._stored and self._changes.doubtful:
                    for job_id in self._changes.doubtful:
                        await self._stored.get(job_id)
                    await asyncio.sleep(SETTLE_S / 10)  # a write may still be on its way

    def _jobs(self, jobs: JobStore, url: str) -> TracedJobs:
        system = _system_of(url)
        self._stored = TracedJobs(jobs, system, tracer=self._tracer, meters=self._meters, changes=self._changes)
        return self._stored


def _system_of(url: str) -> str:
    scheme = urlsplit(url).scheme
    return _SYSTEMS.get(scheme, scheme)
