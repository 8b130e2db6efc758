"""The tables of all spans and metrics. Attributes of metrics have few values each: never the id of a job.

Names follow the semantic conventions of OpenTelemetry 1.44, and begin with `reelbus.` where those have none.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

Kind = Literal["counter", "updown", "histogram", "observed"]

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
CALL_SECONDS = (*SECONDS, 60.0, 120.0, 180.0, 240.0, 280.0, 300.0)
"""A call to the facade waits for 280 s at most."""
JOB_SECONDS = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 180.0, 240.0, 300.0, 600.0, 1800.0, 3600.0)
_BUS = ("messaging.system", "messaging.operation.name", "messaging.destination.name")
_RECEIVED = (*_BUS, "messaging.destination.subscription.name")


class Metric(NamedTuple):
    """One metric."""

    kind: Kind
    unit: str
    """By UCUM; what stands in braces is no unit to a reader, and does not become a part of the name in Prometheus."""
    attributes: tuple[str, ...]
    means: str
    buckets: tuple[float, ...] = ()


METRICS: Mapping[str, Metric] = {
    "http.server.request.duration": Metric(
        "histogram",
        "s",
        ("http.request.method", "http.route", "http.response.status_code", "url.scheme"),
        "Calls to the facade.",
        CALL_SECONDS,
    ),
    "http.server.active_requests": Metric("updown", "{request}", ("http.request.method",), "Calls under way."),
    "messaging.client.sent.messages": Metric("counter", "{message}", (*_BUS, "error.type"), "Messages published."),
    "messaging.client.consumed.messages": Metric("counter", "{message}", _RECEIVED, "Messages received."),
    "messaging.client.operation.duration": Metric(
        "histogram", "s", (*_RECEIVED, "error.type"), "Publishing and settling a message.", SECONDS
    ),
    "messaging.process.duration": Metric(
        "histogram", "s", _RECEIVED, "From the receipt of a message to its settling.", JOB_SECONDS
    ),
    "gen_ai.client.operation.duration": Metric(
        "histogram",
        "s",
        ("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "error.type"),
        "Submits to the model.",
        SECONDS,
    ),
    "reelbus.jobs": Metric(
        "counter",
        "{job}",
        ("reelbus.job.state", "reelbus.failure.code", "gen_ai.request.model"),
        "Jobs that ended.",
    ),
    "reelbus.job.duration": Metric(
        "histogram", "s", ("reelbus.job.state", "reelbus.job.quality"), "From a job's creation to its end.", JOB_SECONDS
    ),
    "reelbus.job.wait.duration": Metric(
        "histogram", "s", ("reelbus.job.quality",), "From a job's creation to its first submit.", JOB_SECONDS
    ),
    "reelbus.jobs.in_flight": Metric(
        "observed",
        "{job}",
        ("reelbus.job.state", "reelbus.waiting_for"),
        "Jobs whose messages this worker holds, by their stored state and what they wait for.",
    ),
    "reelbus.clips": Metric(
        "counter",
        "{clip}",
        ("reelbus.clip.state", "gen_ai.request.model"),
        "Clips that became accepted, done, refused, unknown or late.",
    ),
    "reelbus.spend": Metric(
        "counter",
        "{USD}",
        ("gen_ai.request.model", "reelbus.charged"),
        "Charges whose outcome is final (yes), of unknown outcome (unknown), and for discarded clips (discarded).",
    ),
    "reelbus.spend.reversed": Metric(
        "counter",
        "{USD}",
        ("gen_ai.request.model", "reelbus.charged"),
        "What of `reelbus.spend` was none after all: of yes and discarded (yes), and of unknown (unknown).",
    ),
    "reelbus.evaluations": Metric(
        "counter",
        "{call}",
        ("reelbus.evaluation.kind", "reelbus.evaluation.metric", "reelbus.evaluation.outcome"),
        "Calls of the evaluation service that ended.",
    ),
    "reelbus.evaluation.spend": Metric(
        "counter",
        "{USD}",
        ("reelbus.evaluation.kind", "reelbus.evaluation.metric"),
        "What those calls cost whose price is known. It is no part of `reelbus.spend`.",
    ),
    "reelbus.video.billed": Metric(
        "counter", "s", ("gen_ai.request.model", "reelbus.resolution"), "Seconds of video that were charged."
    ),
    "reelbus.budget.used": Metric(
        "observed", "1", ("reelbus.budget",), "The used share of a budget, as far as this process has read its shards."
    ),
    "reelbus.facade.waits": Metric("observed", "{caller}", (), "Callers that wait for their videos."),
    "reelbus.dead_letters": Metric("counter", "{message}", (), "Dead letters that workers have handled."),
    "reelbus.reconcile.republished": Metric("counter", "{message}", (), "Requests that were published again."),
    "reelbus.decisions": Metric(
        "counter",
        "{decision}",
        ("reelbus.decision",),
        "Decisions of people at the facade: a job replayed, a clip resolved, a delivery of a webhook replayed.",
    ),
    "reelbus.conflicts": Metric("counter", "{conflict}", (), "Writes that another process was faster with."),
}


class Span(NamedTuple):
    """One kind of span."""

    kind: Literal["SERVER", "PRODUCER", "CONSUMER", "CLIENT", "INTERNAL"]
    attributes: tuple[str, ...]
    means: str


JOB_ATTRIBUTES = ("reelbus.job.id", "reelbus.job.life")
"""On every span of a job, once the process knows its record."""
_CLIP_ATTRIBUTES = ("reelbus.clip.index", "reelbus.clip.attempt")
_STORE = ("db.system.name", "db.operation.name", "db.collection.name")
_SENT = ("messaging.system", "messaging.operation.name", "messaging.operation.type", "messaging.destination.name")

SPANS: Mapping[str, Span] = {
    "{method} {route}": Span(
        "SERVER",
        ("http.request.method", "http.route", "http.response.status_code", "url.scheme", "error.type"),
        "A call to the facade; an event stream is one span. Probes have none.",
    ),
    "send {topic}": Span("PRODUCER", (*_SENT, "error.type"), "Its context goes into the message."),
    "process {topic}": Span(
        "CONSUMER",
        (
            *_SENT,
            "messaging.destination.subscription.name",
            "messaging.message.id",
            "messaging.gcp_pubsub.message.delivery_attempt",
        ),
        "Linked to the sender, in the same trace. It ends when the message is settled, and has an event `polled` for "
        "each poll.",
    ),
    "ack {subscription}": Span("CLIENT", (*_SENT, "messaging.destination.subscription.name", "error.type"), ""),
    "nack {subscription}": Span("CLIENT", (*_SENT, "messaging.destination.subscription.name", "error.type"), ""),
    "dead_letter {subscription}": Span("CLIENT", (*_SENT, "messaging.destination.subscription.name", "error.type"), ""),
    "generate_video {model}": Span(
        "CLIENT",
        (
            "gen_ai.operation.name",
            "gen_ai.provider.name",
            "gen_ai.request.model",
            "gen_ai.output.type",
            "gen_ai.response.id",
            "error.type",
            *_CLIP_ATTRIBUTES,
        ),
        "The submit alone.",
    ),
    "get jobs": Span("CLIENT", (*_STORE, "error.type"), "A read of the record."),
    "cas jobs": Span("CLIENT", (*_STORE, "error.type"), "A write of the record."),
    "put": Span("CLIENT", ("reelbus.bytes", "error.type"), "A file into the video store."),
    "fetch": Span("CLIENT", ("reelbus.bytes", "error.type"), "A file from the video store."),
    "assemble": Span("INTERNAL", ("reelbus.bytes", "error.type"), "The clips become one file."),
}
