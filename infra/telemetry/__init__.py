"""Spans and metrics by OpenTelemetry: decorators around the ports, and one ASGI middleware.

`opening` loads the rest, and with it OpenTelemetry, only if the environment asks for it. `catalogue` has the tables of
all spans and metrics, which docs/telemetry.md repeats.
"""
