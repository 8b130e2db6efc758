"""The W3C trace context of what this task works for."""

from contextvars import ContextVar

TRACEPARENT: ContextVar[str | None] = ContextVar("TRACEPARENT", default=None)
"""Log lines name it. A valid one, or None if the task works for no traced job or request."""
