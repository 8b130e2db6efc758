"""Tracers whose spans a test keeps."""

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Sampler

from infra.telemetry.spans import Span, Tracer


def tracer_into(spans: list[Span], sampler: Sampler | None = None) -> Tracer:
    """A tracer with the SDK's default sampler, or another. Each sampled span that ends is added to `spans`."""
    provider = TracerProvider(shutdown_on_exit=False)
    return Tracer(sampler or provider.sampler, provider.id_generator, spans.append)
