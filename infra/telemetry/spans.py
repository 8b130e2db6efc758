"""Spans: begin one, end it without the words of an error, and carry its context in a `traceparent`.

An error's words may quote a prompt or a signed address. A span gets the kind of the error alone.

A job has some twenty spans. One of OpenTelemetry's SDK takes about 1 % of a job's CPU, so these hold what they were
given, and the thread of the exporter makes the SDK's spans of them, see `infra/telemetry/exporters.py`. Ids, sampling,
batches and sending are the SDK's.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision, Sampler
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    set_span_in_context,
)

from infra.telemetry.catalogue import JOB_ATTRIBUTES
from schemas.domain.job import Job
from schemas.errors import SubmitError

Attributes = Mapping[str, str | int | float]
NONE: Attributes = MappingProxyType({})
JOB_ID, JOB_LIFE = JOB_ATTRIBUTES
ROOT = INVALID_SPAN_CONTEXT
"""As the parent of a span: none."""
EVENTS_AT_MOST = 128
"""The SDK's default too. The oldest events of a span are dropped."""
_JOB: ContextVar[Attributes] = ContextVar("_JOB", default=NONE)


class Span:
    """A span. It ends with its context, or by `end`."""

    __slots__ = (
        "_attributes", "_end", "_previous", "began_ns", "context", "ended_ns", "error_type", "events", "job", "kind",
        "link", "more", "name", "parent",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        kind: SpanKind,
        attributes: Attributes,
        *,
        context: SpanContext,
        parent: SpanContext | None,
        link: SpanContext | None,
        end: "Callable[[Span], None] | None",
    ) -> None:
        """`end` takes the span that has ended, unless it is not sampled. `attributes` are not changed later."""
        self.name, self.kind = name, kind
        self.context, self.parent, self.link = context, parent, link
        self.error_type = ""
        self.events: deque[tuple[str, Attributes, int]] | None = None
        self.job = _JOB.get()
        self.more: dict[str, str | int | float] | None = None
        self._attributes, self._end = attributes, end
        self._previous: Span | None = None
        self.ended_ns = 0
        self.began_ns = time.time_ns()

    @property
    def attributes(self) -> Attributes:
        """All attributes: the job's, those of the beginning, and what was added."""
        error = {"error.type": self.error_type} if self.error_type else NONE
        return {**self.job, **self._attributes, **(self.more or NONE), **error}

    def add(self, attributes: Attributes) -> None:
        """Add attributes."""
        self.more = {**self.more, **attributes} if self.more else dict(attributes)

    def add_event(self, name: str, attributes: Attributes) -> None:
        """Add an event of this moment."""
        if self.events is None:
            self.events = deque(maxlen=EVENTS_AT_MOST)
        self.events.append((name, attributes, time.time_ns()))

    def set_present(self) -> None:
        """Make it the present span of this task: what the task begins is a child of it."""
        _PRESENT.set(self)

    def end(self) -> None:
        """End the span. A second call changes nothing."""
        if not self.ended_ns:
            self.ended_ns = time.time_ns()
            if self._end:
                self._end(self)

    def __enter__(self) -> Self:
        """Make it the present span."""
        self._previous = _PRESENT.get()
        _PRESENT.set(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """End it, with the kind of an error."""
        if isinstance(error, Exception):
            self.error_type = error_type_of(error)
        _PRESENT.set(self._previous)
        self._previous = None
        self.end()


_PRESENT: ContextVar[Span | None] = ContextVar("_PRESENT", default=None)


class Tracer:
    """Begins spans. It asks the sampler once for the first span of a trace in a task; children are as their parents."""

    def __init__(self, sampler: Sampler, ids: IdGenerator, end: Callable[[Span], None] | None) -> None:
        """`end` takes each sampled span that has ended. Without it spans carry contexts alone."""
        self._sampler, self._ids, self._end = sampler, ids, end

    def begin(
        self,
        name: str,
        kind: SpanKind,
        attributes: Attributes = NONE,
        *,
        parent: Span | SpanContext | None = None,
        link: SpanContext | None = None,
    ) -> Span:
        """Begin a span of the present job. Without a parent it is a child of the present span."""
        near = _PRESENT.get() if parent is None else parent if isinstance(parent, Span) else None
        if near:
            parent = near.context
            context = SpanContext(
                parent.trace_id, self._ids.generate_span_id(), False, parent.trace_flags, parent.trace_state
            )
        else:
            parent = parent if isinstance(parent, SpanContext) and parent.is_valid else None
            context = self._first(name, kind, attributes, parent, link)
        end = self._end if context.trace_flags.sampled else None
        return Span(name, kind, attributes, context=context, parent=parent, link=link, end=end)

    def _first(
        self, name: str, kind: SpanKind, attributes: Attributes, parent: SpanContext | None, link: SpanContext | None
    ) -> SpanContext:
        """Return the context of a span whose parent, if there is one, is in another process or task."""
        if parent:
            trace_id, is_random = parent.trace_id, parent.trace_flags.random_trace_id
            around = set_span_in_context(NonRecordingSpan(parent))
        else:
            trace_id, is_random, around = self._ids.generate_trace_id(), self._ids.is_trace_id_random(), None
        links = [Link(link)] if link else []
        result = self._sampler.should_sample(around, trace_id, name, kind, {**_JOB.get(), **attributes}, links)
        flags = TraceFlags.SAMPLED if result.decision is Decision.RECORD_AND_SAMPLE else TraceFlags.DEFAULT
        flags |= TraceFlags.RANDOM_TRACE_ID if is_random else TraceFlags.DEFAULT
        return SpanContext(trace_id, self._ids.generate_span_id(), False, TraceFlags(flags), result.trace_state)


def set_job(job: Job) -> None:
    """Put the attributes of this job on the spans that this task begins from now on."""
    _JOB.set({JOB_ID: job.job_id, JOB_LIFE: job.life})


def set_job_id(job_id: str | None) -> None:
    """The same for a job whose record may not be known yet; None if the task works for no job."""
    if _JOB.get().get(JOB_ID) != job_id:
        _JOB.set({JOB_ID: job_id} if job_id else NONE)


def context_of(traceparent: str | None) -> SpanContext | None:
    """Return the span that a valid `traceparent` names."""
    if traceparent is None:
        return None
    _, trace_id, span_id, flags = traceparent.split("-")[:4]
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))


def traceparent_of(span: Span) -> str:
    """Return the `traceparent` of a span."""
    context = span.context
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def present_span() -> Span | None:
    """Return the span that the task works in."""
    return _PRESENT.get()


def parent_in(traceparent: str | None) -> SpanContext | None:
    """Return the parent of a span: None, which is the present span, unless that is not in the trace of `traceparent`.

    A trace of its own begins if there is neither.
    """
    present = _PRESENT.get()
    if traceparent is None or (present and int(traceparent[3:35], 16) == present.context.trace_id):
        return None
    return context_of(traceparent)


def error_type_of(error: BaseException) -> str:
    """Return one of few names: the code of a failure of a submit, or the class of any other error."""
    return error.failure.code if isinstance(error, SubmitError) else type(error).__name__


def size_of(path: Path) -> int:
    """Return the bytes of a file; 0 if it does not exist."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
