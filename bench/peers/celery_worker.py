"""A Celery worker: `python -m bench.peers.celery_worker REDIS POOL CONCURRENCY FD`.

It writes a line to FD once it takes tasks.
"""

import logging
import os
import sys

from celery import signals

from bench.peers.celery_settings import TASK, celery_app
from bench.peers.celery_task import make_video


def main() -> None:
    """Run until SIGTERM; then finish the tasks in hand."""
    redis_url, pool, concurrency, ready = sys.argv[1:]
    logging.basicConfig(level=logging.INFO)
    app = celery_app(redis_url, results=True)
    app.task(make_video, name=TASK)

    def report_ready(**_: object) -> None:
        os.write(int(ready), b"ready\n")
        os.close(int(ready))

    signals.worker_ready.connect(report_ready, weak=False)
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    app.worker_main(["worker", "--pool", pool, "--concurrency", concurrency, "--loglevel", "INFO", *quiet])


if __name__ == "__main__":
    main()
