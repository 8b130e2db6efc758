"""A project's topics on the emulator, as `reelbus setup` leaves them, and what a test wants to know of them."""

import asyncio
import json
from typing import Any

from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.types import PubsubMessage

from infra.gcp.pubsub.admin import Subscriptions
from publisher.compose import open_context
from publisher.settings import PublisherSettings
from schemas.domain.states import JobState
from schemas.ports import (
    BATCH_REQUESTS,
    BATCH_WORKERS,
    COMPLETIONS,
    DEAD_REQUESTS,
    DEAD_WORKERS,
    REQUESTS,
    WORKERS,
)
from tests.e2e.processes import House


class Topics:
    """The project's subscriptions, as `reelbus setup` leaves them, and a way to send what the package would not."""

    def __init__(self, project: str) -> None:
        self.publisher = PublisherClient()
        self.subscriber = SubscriberClient()
        self._project = project
        made = Subscriptions(self.publisher, self.subscriber, project)
        for topic in (REQUESTS, BATCH_REQUESTS, COMPLETIONS, DEAD_REQUESTS):
            made.ensure_topic(topic)
        for subscription in (WORKERS, BATCH_WORKERS, DEAD_WORKERS):
            made.ensure(subscription, subscription.name)
        self._made = made
        self.subscriber.create_subscription(name=made.path("a-spy"), topic=made.topic_path(REQUESTS))

    def send(self, body: dict[str, Any], **attributes: str) -> None:
        self.publisher.publish(self._made.topic_path(REQUESTS), json.dumps(body).encode(), **attributes).result()

    def end(self, data: bytes, kind: str) -> None:
        """Publish a completion of this type."""
        self.publisher.publish(self._made.topic_path(COMPLETIONS), data, **{"ce-type": kind}).result()

    async def sent(self, job_id: str) -> None:
        """Until a request with this id is on the bus."""
        while await self.next_sent() != job_id:
            pass

    async def next_sent(self) -> str:
        """The id of the next request on the bus."""
        [message] = await self.pull("a-spy", at_most=1)
        return message.attributes["job_id"]

    async def pull(self, name: str, *, at_most: int) -> list[PubsubMessage]:
        """The messages of a subscription, once there is one."""
        path = self._made.path(name)
        request = {"subscription": path, "max_messages": at_most}
        while not (
            found := (await asyncio.to_thread(self.subscriber.pull, request=request, timeout=60)).received_messages
        ):
            pass
        await asyncio.to_thread(self.subscriber.acknowledge, subscription=path, ack_ids=[each.ack_id for each in found])
        return [each.message for each in found]

    def listeners(self) -> set[str]:
        """Who hears completions."""
        found = self.publisher.list_topic_subscriptions(topic=self._made.topic_path(COMPLETIONS))
        return {name.rpartition("/")[2] for name in found}

    def named(self, name: str) -> None:
        self.subscriber.create_subscription(name=self._made.path(name), topic=self._made.topic_path(COMPLETIONS))

    def forget(self, *names: str) -> None:
        for name in names:
            self._made.delete(name)

    def close(self) -> None:
        self.publisher.stop()
        self.publisher.transport.close()
        self.subscriber.close()


async def generating(house: House, job_id: str) -> None:
    """Until the record says so."""
    urls = {name: house.settings[f"REELBUS_{name.upper()}"] for name in ("bus", "jobs", "videos")}
    async with open_context(PublisherSettings.model_validate(urls)) as desk:
        while True:
            job = await desk.jobs.get(job_id)
            if job and job.state is JobState.GENERATING:
                return
            await asyncio.sleep(0.02)
