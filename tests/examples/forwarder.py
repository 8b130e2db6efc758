"""Stands where Pub/Sub would: takes what the emulator pushes, and shows the endpoint a token with it."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import httpx
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

from schemas.wire.message import Message
from tests.gcp.emulated import Project

Statuses = asyncio.Queue[int]


@asynccontextmanager
async def forwarder(client: httpx.AsyncClient, token: Callable[[], str]) -> AsyncIterator[tuple[str, Statuses]]:
    """An address to push to, and what the endpoint answered, in order."""
    statuses: Statuses = asyncio.Queue()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (body := await _body(reader)) is None:
            writer.close()
            return
        told = await client.post("/", content=body, headers={"Authorization": f"Bearer {token()}"})
        writer.write(b"HTTP/1.1 %d Told\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" % told.status_code)
        await writer.drain()
        writer.close()
        statuses.put_nowait(told.status_code)

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", statuses


async def _body(reader: asyncio.StreamReader) -> bytes | None:
    """None where nothing is sent: the emulator only looks whether somebody is there, before it pushes."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    length = re.search(rb"\r\ncontent-length: *([0-9]+)", head, re.IGNORECASE)
    assert length, head
    return await reader.readexactly(int(length[1]))


@contextmanager
def pushing(project: Project, url: str) -> Iterator[Callable[[Message], None]]:
    """Publishes to a topic whose one subscription pushes to this address."""
    publisher = PublisherClient()
    topic = publisher.topic_path(project.id, "video-completions")
    publisher.create_topic(name=topic)
    with SubscriberClient() as subscriber:
        name = subscriber.subscription_path(project.id, "my-pushed-team")
        push, backoff = {"push_endpoint": url}, {"minimum_backoff": {"seconds": 1}, "maximum_backoff": {"seconds": 2}}
        wanted = {"name": name, "topic": topic, "push_config": push, "retry_policy": backoff}
        subscriber.create_subscription(request=wanted)
        yield lambda message: publisher.publish(topic, message.data, **message.attributes).result(timeout=60)
        subscriber.delete_subscription(subscription=name)
    publisher.stop()
    publisher.transport.close()
