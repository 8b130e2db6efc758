"""Celery as it has to be set up so that no job is lost, and otherwise at its best."""

from typing import Any

from celery import Celery

TASK = "make_video"


def celery_app(redis_url: str, *, results: bool) -> Celery:
    """Return the application of the HTTP server or the worker. `results`: whether this process writes results.

    The server does not: a result backend there would subscribe to each task on a blocking connection, which the server
    does once for all of them.
    """
    app = Celery("bench", broker=redis_url, backend=redis_url if results else None)
    app.conf.update(_SETTINGS)
    return app


_SETTINGS: dict[str, Any] = {
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "task_acks_on_failure_or_timeout": False,
    "worker_prefetch_multiplier": 1,
    "task_serializer": "json",
    "result_serializer": "json",
    "accept_content": ["json"],
    "result_expires": 3600,
    "broker_connection_retry_on_startup": True,
    "worker_hijack_root_logger": False,
    "worker_enable_remote_control": False,
    "worker_send_task_events": False,
    "worker_cancel_long_running_tasks_on_connection_loss": True,
}
