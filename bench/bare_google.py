"""What a job on Google's services costs at least: bare clients, the same operations, in two processes.

`python -m bench.bare_google worker` takes requests until it is killed; `… asker COUNT AT_ONCE NAME` asks for jobs, and
says the seconds that they took. Nothing is decided, checked or decoded: the record is a fixed text of the usual size.
"""

import asyncio
import json
import os
import secrets
import sys
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from google.cloud.firestore_v1.async_client import AsyncClient
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.cloud.pubsub_v1.types import BatchSettings
from google.cloud.storage import Client

PROJECT, BUCKET, FILM = (os.environ.get(f"BENCH_{name}", "") for name in ("PROJECT", "BUCKET", "FILM"))
RECORD = "x" * 2_000
"""As long as the records of these jobs are."""
_BATCH = BatchSettings(max_messages=100, max_latency=0.005)
"""Ours."""


class Clients:
    """One process's connections."""

    def __init__(self) -> None:
        self.jobs = AsyncClient(project=PROJECT).collection("bare")
        self.publisher = PublisherClient(_BATCH)
        self.subscriber = SubscriberClient()
        self.bucket = Client(project=PROJECT).bucket(BUCKET)
        self.threads = ThreadPoolExecutor(8)

    async def publish(self, topic: str, job_id: str) -> None:
        """Until Pub/Sub has it."""
        path = self.publisher.topic_path(PROJECT, topic)
        await asyncio.wrap_future(self.publisher.publish(path, RECORD.encode(), job_id=job_id))

    def hear(self, topic: str, name: str, heard: Callable[[Any], None]) -> None:
        """A subscription, and each of its messages on the event loop."""
        path = self.subscriber.subscription_path(PROJECT, name)
        self.subscriber.create_subscription(name=path, topic=self.publisher.topic_path(PROJECT, topic))
        loop = asyncio.get_running_loop()
        self.subscriber.subscribe(path, lambda message: loop.call_soon_threadsafe(heard, message))

    async def save(self, job_id: str, after: Any = None) -> Any:
        """A document's update time, created or written over the one of that time."""
        content = {"state": "any", "record": RECORD, "write": secrets.token_hex(8)}
        document = self.jobs.document(job_id)
        if after is None:
            return (await document.create(content, retry=None, timeout=5)).update_time
        option = self.jobs._client.write_option(last_update_time=after)
        return (await document.update(content, option=option, retry=None, timeout=5)).update_time

    async def in_thread(self, work: Callable[[], Any]) -> Any:
        """What blocks."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)

    async def upload(self, name: str, path: Path) -> None:
        """If absent."""
        blob = self.bucket.blob(name)
        await self.in_thread(partial(blob.upload_from_filename, str(path), if_generation_match=0, checksum="crc32c"))


async def carry(clients: Clients, message: Any, scratch: Path) -> None:
    """As our worker does it, the model's file included."""
    job_id = message.attributes["job_id"]
    prefix, clip = f"work/{job_id}/0/", scratch / f"{job_id}.mp4"
    found = await clients.jobs.document(job_id).get()
    await clients.in_thread(lambda: list(clients.bucket.list_blobs(prefix=prefix)))
    at = await clients.save(job_id, await clients.save(job_id, found.update_time))
    await clients.upload(f"{prefix}1/sample_0.mp4", Path(FILM))
    await clients.in_thread(partial(clients.bucket.blob(f"{prefix}1/sample_0.mp4").download_to_filename, str(clip)))
    await clients.upload(f"generated-videos/{job_id}.mp4", clip)
    clip.write_bytes(b"\xff\xd8\xff\xd9")
    await clients.upload(f"posters/{job_id}.jpg", clip)
    clip.unlink()
    await clients.save(job_id, at)
    await clients.publish("bare-completions", job_id)
    message.ack()


async def work(scratch: Path) -> None:
    """Until it is killed."""
    clients, running = Clients(), set()

    def begin(message: Any) -> None:
        task = asyncio.ensure_future(carry(clients, message, scratch))
        running.add(task)
        task.add_done_callback(running.discard)

    clients.hear("bare-requests", "bare-workers", begin)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


async def ask(count: int, at_once: int, name: str) -> tuple[list[float], float]:
    """Seconds of each job, and of all of them."""
    clients, numbers, took = Clients(), iter(range(count)), list[float]()
    waiting: dict[str, asyncio.Future[None]] = {}

    def heard(message: Any) -> None:
        waiting[message.attributes["job_id"]].set_result(None)
        message.ack()

    async def caller() -> None:
        for number in numbers:
            began, job_id = time.perf_counter(), f"{name}-{number}"
            waiting[job_id] = asyncio.get_running_loop().create_future()
            await clients.save(job_id)
            await clients.publish("bare-requests", job_id)
            await waiting[job_id]
            await clients.jobs.document(job_id).get()
            took.append(time.perf_counter() - began)

    clients.hear("bare-completions", f"bare-{uuid.uuid4().hex}", heard)
    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(at_once)))
    return took, time.perf_counter() - began


def main() -> None:
    """One of the two."""
    if sys.argv[1] == "worker":
        asyncio.run(work(Path.cwd()))
    count, at_once, name = sys.argv[2:]
    took, wall_s = asyncio.run(ask(int(count), int(at_once), name))
    sys.stdout.write(json.dumps({"took_s": took, "wall_s": wall_s}) + "\n")
    sys.stdout.flush()
    os._exit(0)  # the clients' threads have nothing left to do, and take seconds to notice


if __name__ == "__main__":
    main()
