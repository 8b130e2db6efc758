"""Log lines on standard error: one JSON object each for a machine, one readable line each at a terminal.

Every record carries a constant message and a stable `action`; `docs/operations.md` lists the actions. Cloud Logging
reads `severity`, and joins lines to their trace by the fields of
https://cloud.google.com/logging/docs/structured-logging. `level` is for other readers.
"""

import json
import logging
import sys
from datetime import UTC, datetime

from schemas.wire.trace import TRACEPARENT

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class _Json(logging.Formatter):
    def __init__(self, project: str) -> None:
        super().__init__()
        self._project = project

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _format_time(record),
            "level": record.levelname,
            "severity": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update(_extras(record))
        line.update(_trace_fields(self._project))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{key}={value}" for key, value in _extras(record).items())
        line = f"{_format_time(record)[11:23]} {record.levelname.lower():7} {record.getMessage()}  {fields}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def configure_logs(level: str = "INFO", *, as_json: bool | None = None, project: str = "") -> None:
    """Configure logging, once per process. `as_json` None: text at a terminal, JSON elsewhere.

    `project` is the Google project whose traces the lines name; empty: they name none.
    """
    handler = logging.StreamHandler(sys.stderr)
    if as_json is None:
        as_json = not sys.stderr.isatty()
    handler.setFormatter(_Json(project) if as_json else _Text())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in ("httpx", "httpcore", "asyncio", "sse_starlette", "uvicorn"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _extras(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _PLAIN}


def _trace_fields(project: str) -> dict[str, object]:
    """Return the fields by which Cloud Logging finds the trace. The names are Google's."""
    traceparent = TRACEPARENT.get()
    if not project or traceparent is None:
        return {}
    _, trace_id, span_id, flags = traceparent.split("-")[:4]
    return {
        "logging.googleapis.com/trace": f"projects/{project}/traces/{trace_id}",
        "logging.googleapis.com/spanId": span_id,
        "logging.googleapis.com/trace_sampled": bool(int(flags, 16) & 1),
    }


def _format_time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
