"""Fifty jobs of real processes with telemetry on: one trace each, and metrics by the tables."""

import asyncio
import re
import secrets
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from infra.telemetry.catalogue import JOB_ATTRIBUTES, METRICS, SPANS
from schemas.domain.job import Job
from schemas.domain.states import JobState
from tests.support.wire import MODEL, wire_house
from tests.telemetry.otlp import Collector, attributes_of, collecting
from tests.vertex.script import Step

JOBS = 50
PROMPT = "A harbour at dawn, gulls over the quay"
OFTEN = {"OTEL_METRIC_EXPORT_INTERVAL": "200", "OTEL_BSP_SCHEDULE_DELAY": "100"}
WANTED = {
    "POST /api/videos/generate",
    "send video-requests",
    "process video-requests",
    "ack video-workers",
    f"generate_video {MODEL}",
    "get jobs",
    "cas jobs",
    "put",
    "fetch",
    "assemble",
    "send video-completions",
}
_KINDS = {1: "INTERNAL", 2: "SERVER", 3: "CLIENT", 4: "PRODUCER", 5: "CONSUMER"}


async def test_fifty_jobs_are_fifty_traces_and_their_spend_is_the_ledgers(tmp_path: Path) -> None:
    with collecting() as collector:
        async with wire_house(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **OFTEN) as house:
            house.vertex.studio.default = Step(shrink=8)
            facade, worker = await house.start("facade"), await house.start("worker")
            traces = await _ask(facade.ready)
            jobs = await house.ended(JOBS)
            assert [await part.stop() for part in (worker, facade)] == [0, 0]
    assert Counter(job.state for job in jobs) == {JobState.SUCCEEDED: JOBS}
    _check_traces(collector, traces)
    _check_spans(collector)
    _check_metrics(collector, jobs)
    assert not [body for body in collector.bodies if b"harbour" in body or b"Bearer" in body]


async def _ask(url: str) -> dict[str, str]:
    """Each caller brings its own trace, as the Node package does. The trace ids by job."""
    traces = {f"job-{number}": secrets.token_hex(16) for number in range(JOBS)}
    async with httpx.AsyncClient(base_url=url, timeout=90, trust_env=False) as client:

        async def ask(job_id: str, trace: str) -> None:
            body = {"job_id": job_id, "prompt": PROMPT, "duration_seconds": 4, "generate_audio": False, "model": MODEL}
            headers = {"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"}
            answer = await client.post("/api/videos/generate", json=body, headers=headers)
            assert answer.status_code == 200, answer.text

        await asyncio.gather(*(ask(*each) for each in traces.items()))
    return traces


def _check_traces(collector: Collector, traces: dict[str, str]) -> None:
    by_trace: dict[str, list[Any]] = {trace: [] for trace in traces.values()}
    for span in collector.spans:
        by_trace.setdefault(span.trace_id.hex(), []).append(span)
    assert by_trace.keys() == set(traces.values()), "a span in a trace of its own"
    for job_id, trace in traces.items():
        spans = by_trace[trace]
        assert {span.name for span in spans} >= WANTED, job_id
        assert {attributes_of(span).get("reelbus.job.id", job_id) for span in spans} == {job_id}
        ids = {span.span_id for span in spans}
        outside = [span.name for span in spans if span.parent_span_id not in ids]
        assert outside == ["POST /api/videos/generate"], "the caller's own span is the parent of this one alone"
        sent, processed = (next(span for span in spans if span.name == name) for name in sorted(WANTED & _PAIR)[::-1])
        assert [link.span_id for link in processed.links] == [sent.span_id]
        [generated] = [span for span in spans if span.name.startswith("generate_video")]
        assert attributes_of(generated)["gen_ai.response.id"]
        assert [event.name for event in processed.events].count("polled") >= 1


_PAIR = {"send video-requests", "process video-requests"}


def _check_spans(collector: Collector) -> None:
    """Each span is of the table, with its kind and no attribute beside those of the table."""
    patterns = {_pattern_of(name): row for name, row in SPANS.items()}
    for span in collector.spans:
        [row] = [row for pattern, row in patterns.items() if pattern.match(span.name)]
        assert _KINDS[span.kind] == row.kind, span.name
        assert attributes_of(span).keys() <= {*row.attributes, *JOB_ATTRIBUTES}, span.name


def _pattern_of(name: str) -> re.Pattern[str]:
    words = {"method": "[A-Z]+", "route": r"/\S*"}
    return re.compile(re.sub(r"\{(\w+)\}", lambda found: words.get(found[1], r"[\w.-]+"), name) + r"\Z")


def _check_metrics(collector: Collector, jobs: list[Job]) -> None:
    for _, name, attributes in collector.values:
        assert dict(attributes).keys() <= set(METRICS[name].attributes), name
        assert not any("job-" in str(value) for _, value in attributes)
    assert {name: METRICS[name].unit for name in collector.units} == collector.units
    spent = float(sum(job.cost_usd for job in jobs))
    assert spent > 0
    assert collector.total("reelbus.spend") == collector.total("reelbus.spend", reelbus__charged="yes")
    assert collector.total("reelbus.spend") == round(spent, 9)
    assert collector.total("reelbus.video.billed") == sum(job.billed_seconds for job in jobs)
    assert collector.by("reelbus.clips", "reelbus.clip.state") == {"accepted": JOBS, "done": JOBS}
    assert collector.by("reelbus.jobs", "reelbus.job.state") == {"succeeded": JOBS}
    for name in ("reelbus.job.duration", "reelbus.job.wait.duration", "gen_ai.client.operation.duration"):
        assert collector.total(name) == JOBS, name
    assert collector.total("http.server.request.duration", http__route="/api/videos/generate") == JOBS
    assert collector.total("http.server.active_requests") == 0
    assert collector.total("reelbus.jobs.in_flight") == 0
    assert collector.total("reelbus.facade.waits") == 0
