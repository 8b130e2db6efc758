"""What a span says of an error, whose child it is, and how a write whose answer was lost is counted."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, StatusCode

from infra.adapters import Adapters
from infra.telemetry import changes
from infra.telemetry.exporters import to_sdk
from infra.telemetry.process import Telemetry
from infra.telemetry.spans import EVENTS_AT_MOST, ROOT, Span, Tracer, context_of, parent_in, traceparent_of
from schemas.domain.budget import Limit, Period, Reservation
from schemas.domain.events import Step
from schemas.domain.job import Job
from schemas.domain.state_machine import advance
from schemas.domain.states import JobState
from schemas.errors import Conflict, SubmitRefused, Unavailable
from schemas.ports import JobStore
from subscriber.budget_guard import BudgetGuard
from tests.telemetry.tracers import tracer_into
from tests.unit.makers import AT, BUSY, a_job, accepted, done, started, stored

THEIRS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass
class Told:
    """What this process would send."""

    telemetry: Telemetry
    tracer: Tracer
    spans: list[Span]
    metrics: InMemoryMetricReader

    def points(self, name: str) -> list[Any]:
        data = self.metrics.get_metrics_data()
        return [
            point
            for each in (data.resource_metrics if data else [])
            for scope in each.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]

    def total(self, name: str) -> float:
        return float(sum(point.value for point in self.points(name)))


@pytest.fixture
def told() -> Iterator[Told]:
    reader = InMemoryMetricReader()
    metering = MeterProvider([reader], shutdown_on_exit=False)
    spans: list[Span] = []
    tracer = tracer_into(spans)
    yield Told(Telemetry(tracer, metering.get_meter("test"), is_worker=True), tracer, spans, reader)
    metering.shutdown()


def test_a_span_names_the_kind_of_an_error_and_none_of_its_words(told: Told) -> None:
    for error in (Unavailable("a secret prompt"), SubmitRefused(BUSY)):
        with pytest.raises(type(error)), told.tracer.begin("put", SpanKind.CLIENT):
            raise error
    seen = [to_sdk(span, Resource.get_empty()) for span in told.spans]
    assert [(span.attributes or {})["error.type"] for span in seen] == ["Unavailable", "quota"]
    assert {span.status.status_code for span in seen} == {StatusCode.ERROR}
    assert not [span for span in seen if span.events or span.status.description]


def test_a_span_stays_in_the_trace_of_its_job(told: Told) -> None:
    with told.tracer.begin("outer", SpanKind.INTERNAL, parent=parent_in(THEIRS)) as outer:
        assert traceparent_of(outer).split("-")[1] == THEIRS.split("-")[1]
        assert parent_in(THEIRS) is None, "the present span is in that trace"
        with told.tracer.begin("inner", SpanKind.INTERNAL) as inner:
            pass
    assert told.spans == [inner, outer]
    assert (outer.parent, inner.parent) == (context_of(THEIRS), outer.context)
    with told.tracer.begin("other", SpanKind.INTERNAL) as other:
        pass
    assert other.parent is None
    assert other.context.trace_id != outer.context.trace_id


def test_a_span_ends_once_and_keeps_its_newest_events(told: Told) -> None:
    span = told.tracer.begin("process", SpanKind.CONSUMER, {"a": 1}, parent=ROOT, link=context_of(THEIRS))
    for number in range(EVENTS_AT_MOST + 1):
        span.add_event("polled", {"number": number})
    span.add({"b": 2})
    span.end()
    ended_ns = span.ended_ns
    span.end()
    assert (told.spans, span.ended_ns) == ([span], ended_ns)
    seen = to_sdk(span, Resource.get_empty())
    assert dict(seen.attributes or {}) == {"a": 1, "b": 2}
    assert [(event.attributes or {})["number"] for event in seen.events] == [*range(1, EVENTS_AT_MOST + 1)]
    assert [link.context for link in seen.links] == [context_of(THEIRS)]
    assert (seen.start_time, seen.end_time) == (span.began_ns, ended_ns)
    assert seen.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("flags", ["00", "01"])
def test_the_sender_decides_whether_a_trace_is_sampled(told: Told, flags: str) -> None:
    """And its decision goes on: to the children, and into the `traceparent` of what is sent."""
    theirs = context_of(THEIRS[:-2] + flags)
    with (
        told.tracer.begin("outer", SpanKind.SERVER, parent=theirs),
        told.tracer.begin("inner", SpanKind.PRODUCER) as it,
    ):
        sent = traceparent_of(it)
    assert sent.endswith(flags)
    assert len(told.spans) == (2 if flags == "01" else 0)


def test_the_sampler_of_the_environment_decides_about_new_traces() -> None:
    spans: list[Span] = []
    with tracer_into(spans, ParentBased(ALWAYS_OFF)).begin("call", SpanKind.SERVER, parent=ROOT) as span:
        assert traceparent_of(span)[-2:] == "02", "a random id, not sampled"
    half = tracer_into(spans, ParentBased(TraceIdRatioBased(0.5)))
    for _ in range(100):
        with half.begin("call", SpanKind.SERVER, parent=ROOT), half.begin("put", SpanKind.CLIENT):
            pass
    names = [span.name for span in spans]
    assert names == ["put", "call"] * (len(names) // 2), "a trace is whole or absent"
    assert 0 < len(names) < 200


@dataclass
class LosesAnswers:
    """A real store that writes, and then does not answer."""

    jobs: JobStore
    is_lossy: bool = False

    def __getattr__(self, name: str) -> object:
        return getattr(self.jobs, name)

    async def save(self, job: Job) -> Job:
        saved = await self.jobs.save(job)
        if self.is_lossy:
            raise Unavailable("the answer was lost")
        return saved


async def test_each_write_counts_once_whoever_reads_it(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one whose answer was lost, and one whose version before is not remembered any more."""
    async with Adapters() as adapters:
        inner = LosesAnswers(await adapters.jobs(f"sqlite://{tmp_path}/reelbus.db"))
        jobs = told.telemetry.trace_jobs(cast("JobStore", inner), "sqlite:")
        job = await jobs.create(a_job())
        for event in (started(), accepted(), done()):
            job = await jobs.save(advance(job, event))
        inner.is_lossy = True
        ended = advance(job, stored())
        with pytest.raises(Unavailable):
            await jobs.save(ended)
        assert (told.total("reelbus.spend"), told.total("reelbus.jobs")) == (0.4, 0)
        with pytest.raises(Conflict):
            await jobs.save(ended)
        for _ in range(2):
            assert await jobs.get(job.job_id)
        assert (told.total("reelbus.jobs"), told.total("reelbus.conflicts")) == (1, 1)

        inner.is_lossy = False
        monkeypatch.setattr(changes, "KNOWN_AT_MOST", 0)
        (other,) = await jobs.create_all([a_job(job_id="job-2")])
        last: tuple[Step, ...] = (started(), accepted(), done(), stored())
        for step in last:
            other = await jobs.save(advance(other, step))
        assert (told.total("reelbus.spend"), told.total("reelbus.jobs")) == (0.8, 2)


async def test_a_reservation_is_a_write_of_the_job_and_uses_its_budget(told: Told, tmp_path: Path) -> None:
    limit = Limit(scope="all", period=Period.MONTH, limit_usd=Decimal("4"), slices=1)
    url = f"sqlite://{tmp_path}/reelbus.db"
    async with Adapters() as adapters:
        inner = await adapters.jobs(url)
        jobs = told.telemetry.trace_jobs(inner, url)
        guard = BudgetGuard((limit,), told.telemetry.trace_budgets(await adapters.budgets(url), inner, url))
        job, start = await jobs.create(a_job()), started()
        for _ in range(2):  # the second one reads what the first has used
            reservation = await guard.check(job, start.plan, AT)
            assert isinstance(reservation, Reservation)
            if job.state is JobState.QUEUED:
                job = await guard.reserve(advance(job, start), reservation)
    [share] = told.points("reelbus.budget.used")
    assert (share.value, dict(share.attributes)) == (0.1, {"reelbus.budget": "all month"})
    [waited] = told.points("reelbus.job.wait.duration")
    assert waited.count == 1
    assert [span.name for span in told.spans] == ["cas jobs", "cas jobs"]
