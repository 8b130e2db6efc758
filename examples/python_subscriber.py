"""Hears how every job ended: each once, also after a restart, and acknowledged only after success.

scripts/bootstrap gcp && . .venv/bin/activate        # in the folder of reelbus; elsewhere: docs/google-cloud.md
python examples/python_subscriber.py my-project my-team
"""

import argparse
import logging
import signal
import sqlite3
import sys
from contextlib import suppress
from pathlib import Path

from google.api_core.exceptions import AlreadyExists, NotFound
from google.cloud.pubsub_v1 import SubscriberClient
from google.cloud.pubsub_v1.types import FlowControl

from schemas.wire.completion import Completion, Outcome
from subscriber.consumer import Inbox


def handle(completion: Completion) -> None:
    """What this team does with a completion. It raises where it did not succeed: the message comes again then."""
    if completion.state is Outcome.SUCCEEDED:
        print(f"{completion.job_id} succeeded: {completion.video_url} for {completion.cost_usd} USD", flush=True)
    elif completion.error:
        print(f"{completion.job_id} {completion.state}: {completion.error.message}", flush=True)


class Table:
    """The ids of completions that were handled. It outlives a restart."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("CREATE TABLE IF NOT EXISTS seen (event_id TEXT PRIMARY KEY)")

    def __contains__(self, event_id: object) -> bool:
        return self._database.execute("SELECT 1 FROM seen WHERE event_id = ?", (event_id,)).fetchone() is not None

    def add(self, event_id: str) -> None:
        """Remembers it."""
        self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (event_id,))


def listen(project: str, name: str) -> None:
    """Until Ctrl-C or SIGTERM. Makes the subscription at the first start; it keeps what comes meanwhile."""
    inbox = Inbox(handle, Table(Path(f"{name}.sqlite")))
    with SubscriberClient() as subscriber:
        subscription = subscriber.subscription_path(project, name)
        topic = f"projects/{project}/topics/video-completions"
        backoff = {"minimum_backoff": {"seconds": 1}, "maximum_backoff": {"seconds": 60}}
        try:
            with suppress(AlreadyExists):
                subscriber.create_subscription(request={"name": subscription, "topic": topic, "retry_policy": backoff})
        except NotFound:
            sys.exit(f"no topic in {project}: `reelbus setup` makes what is needed")
        flow = FlowControl(max_duration_per_lease_extension=10)  # after a crash, its messages come again within 10 s
        pulling = subscriber.subscribe(subscription, callback=inbox.receive, flow_control=flow)
        with suppress(KeyboardInterrupt):
            print(f"listening on {name}", flush=True)
            pulling.result()
        pulling.cancel()
        pulling.result()


def main() -> None:
    """Reads the command line."""
    logging.basicConfig(level=logging.INFO)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    parser = argparse.ArgumentParser(description="Hears how jobs ended.")
    parser.add_argument("project")
    parser.add_argument("name", metavar="subscription", help="yours alone; several processes may share it")
    listen(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
