"""Spans: begin one, end it without the words of an error, and carry its context in a `traceparent`.

An error's words may quote a prompt or a signed address. A span gets the kind of the error alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    get_current_span,
    set_span_in_context,
)

from infra.telemetry.catalogue import JOB_ATTRIBUTES
from schemas.domain.job import Job
from schemas.errors import SubmitError

Attributes = Mapping[str, str | int | float]
_JOB: ContextVar[Attributes] = ContextVar("_JOB", default={})  # noqa: B039  # never changed


def set_job(job: Job) -> None:
    """Put the attributes of this job on the spans that this task begins from now on."""
    _JOB.set(dict(zip(JOB_ATTRIBUTES, (job.job_id, job.life), strict=True)))


def set_job_id(job_id: str | None) -> None:
    """The same for a job whose record may not be known yet; None if the task works for no job."""
    if _JOB.get().get(JOB_ATTRIBUTES[0]) != job_id:
        _JOB.set({JOB_ATTRIBUTES[0]: job_id} if job_id else {})


def context_of(traceparent: str | None) -> SpanContext | None:
    """Return the span that a valid `traceparent` names."""
    if traceparent is None:
        return None
    _, trace_id, span_id, flags = traceparent.split("-")[:4]
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))


def traceparent_of(span: Span) -> str:
    """Return the `traceparent` of a span."""
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def has_parent() -> bool:
    """Return whether the task works in a span."""
    return get_current_span().get_span_context().is_valid


def parent_in(traceparent: str | None) -> Context | None:
    """Return the context of a span's parent: the present span, unless that is not in the trace of `traceparent`."""
    if traceparent is None or int(traceparent.split("-")[1], 16) == get_current_span().get_span_context().trace_id:
        return None
    sender = context_of(traceparent)
    return set_span_in_context(NonRecordingSpan(sender)) if sender else None


def begin(
    tracer: Tracer,
    name: str,
    kind: SpanKind,
    attributes: Attributes,
    *,
    parent: Context | None = None,
    links: Sequence[Link] = (),
) -> Span:
    """Begin a span of the present job. Without a parent it is a child of the present span."""
    return tracer.start_span(name, parent, kind, {**_JOB.get(), **attributes}, links)


@contextmanager
def work_in(span: Span) -> Iterator[Span]:
    """Make the span the present one, and end it with the context."""
    token = attach(set_span_in_context(span))
    try:
        yield span
    except Exception as error:
        span.set_attribute("error.type", error_type_of(error))
        span.set_status(Status(StatusCode.ERROR))
        raise
    finally:
        detach(token)
        span.end()


def error_type_of(error: BaseException) -> str:
    """Return one of few names: the code of a failure of a submit, or the class of any other error."""
    return error.failure.code if isinstance(error, SubmitError) else type(error).__name__


def size_of(path: Path) -> int:
    """Return the bytes of a file; 0 if it does not exist."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
