"""What we ask of Pub/Sub, where the emulator does not do it or the port can't show it."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from google.api_core.exceptions import PermissionDenied, ResourceExhausted
from google.auth.exceptions import RefreshError
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

from infra.adapters import Adapters
from infra.gcp.errors import translate_errors
from infra.gcp.pubsub.admin import EPHEMERAL_FOR, Subscriptions
from infra.gcp.pubsub.dead_letters import (
    DeadLetterInfo,
    add_dead_letter_attributes,
    dead_letter_info,
    original_message,
    subscriber_message,
)
from infra.gcp.pubsub.delivery import DeliveryCounter
from infra.gcp.pubsub.stream import LEASE_AT_MOST_S, HalfClosingSubscriberClient, flow_control
from schemas.errors import Invalid, Unavailable
from schemas.ports import DEAD_WORKERS, WORKERS, Bus, Delivery, Subscription
from schemas.wire.message import Message
from tests.gcp.emulated import Project

PATIENCE_S = 30.0


@pytest.fixture
async def bus(project: Project) -> AsyncIterator[Bus]:
    async with Adapters() as adapters:
        yield await adapters.bus(project.bus_url)


async def take_one(flow: AsyncIterator[Delivery]) -> Delivery:
    async with asyncio.timeout(PATIENCE_S):
        return await anext(flow)


def test_the_workers_subscription_gives_up_after_twenty_deliveries_and_never_expires() -> None:
    wanted = Subscriptions(None, None, "p").configuration_of(WORKERS, WORKERS.name)
    assert wanted.dead_letter_policy.dead_letter_topic == "projects/p/topics/video-requests-dead"
    assert wanted.dead_letter_policy.max_delivery_attempts == 20
    assert wanted.retry_policy.maximum_backoff == timedelta(seconds=60)
    assert "expiration_policy" in wanted
    assert not wanted.expiration_policy.ttl
    assert not wanted.enable_message_ordering
    assert not wanted.enable_exactly_once_delivery


def test_the_dead_letters_own_subscription_is_delivered_for_ever() -> None:
    assert "dead_letter_policy" not in Subscriptions(None, None, "p").configuration_of(DEAD_WORKERS, DEAD_WORKERS.name)


def test_an_ephemeral_subscription_expires_after_a_day_and_never_dead_letters() -> None:
    own = Subscription(name="facade-1", topic="video-completions", ephemeral=True, dead_letter_topic="dead")
    wanted = Subscriptions(None, None, "p").configuration_of(own, "facade-1-x")
    assert wanted.expiration_policy.ttl == EPHEMERAL_FOR == timedelta(days=1)
    assert "dead_letter_policy" not in wanted


@pytest.mark.parametrize(("asked_s", "kept_s"), [(0.6, 10), (15, 15), (9000, 600)])
def test_leases_last_a_day_and_lapse_soon_after_a_crash(asked_s: float, kept_s: float) -> None:
    flow = flow_control(7, asked_s)
    assert (flow.max_messages, flow.max_lease_duration) == (7, LEASE_AT_MOST_S)
    assert LEASE_AT_MOST_S == 24 * 3600
    assert flow.min_duration_per_lease_extension == flow.max_duration_per_lease_extension == kept_s


@pytest.mark.emulator
async def test_pubsub_is_told_the_limit(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    pull = HalfClosingSubscriberClient.streaming_pull

    def watched(self: HalfClosingSubscriberClient, requests: Iterable[Any], **named: Any) -> Any:
        def passing() -> Iterator[Any]:
            for request in requests:
                asked.append(request)
                yield request

        return pull(self, passing(), **named)

    monkeypatch.setattr(HalfClosingSubscriberClient, "streaming_pull", watched)
    await bus.ensure(WORKERS)
    async with bus.subscribe(WORKERS, limit=7) as flow:
        await bus.publish(WORKERS.topic, Message(data=b"x"))
        await (await take_one(flow)).ack()
    assert asked[0].max_outstanding_messages == 7
    assert asked[0].stream_ack_deadline_seconds == 15


@pytest.mark.emulator
async def test_ensure_brings_an_old_subscription_in_line(bus: Bus, project: Project) -> None:
    with PublisherClient() as publisher, SubscriberClient() as subscriber:
        topic = publisher.topic_path(project.id, WORKERS.topic)
        path = subscriber.subscription_path(project.id, WORKERS.name)
        publisher.create_topic(name=topic)
        publisher.create_topic(name=publisher.topic_path(project.id, str(WORKERS.dead_letter_topic)))
        subscriber.create_subscription(name=path, topic=topic)
        await bus.ensure(WORKERS)
        assert subscriber.get_subscription(subscription=path).dead_letter_policy.max_delivery_attempts == 20
        publisher.stop()


@pytest.mark.emulator
async def test_a_process_reads_and_complains_and_only_set_up_writes(bus: Bus, project: Project) -> None:
    with pytest.raises(Unavailable, match=r"no subscription video-requests-dead-shelf: run `reelbus setup`"):
        await bus.check(WORKERS)
    await bus.ensure(WORKERS)
    assert not await bus.check(WORKERS)
    with SubscriberClient() as subscriber:
        path = subscriber.subscription_path(project.id, WORKERS.name)
        theirs = subscriber.get_subscription(subscription=path)
        theirs.dead_letter_policy.max_delivery_attempts = 5
        update = {"subscription": theirs, "update_mask": {"paths": ["dead_letter_policy"]}}
        subscriber.update_subscription(request=update)
        (difference,) = await bus.check(WORKERS)
        assert "video-workers: dead_letter_policy" in difference
        assert "max_delivery_attempts: 5" in difference
        async with bus.subscribe(WORKERS, limit=1):
            assert subscriber.get_subscription(subscription=path) == theirs
        subscriber.delete_subscription(subscription=path)
        with pytest.raises(Unavailable, match="no subscription video-workers"):
            await bus.check(WORKERS)


@pytest.mark.emulator
async def test_a_name_on_another_topic_is_refused(bus: Bus) -> None:
    await bus.ensure(WORKERS)
    for look in (bus.ensure, bus.check):
        with pytest.raises(Invalid, match="video-requests"):
            await look(Subscription(name=WORKERS.name, topic="elsewhere"))


@pytest.mark.emulator
async def test_an_ephemeral_subscription_is_deleted_with_its_context(bus: Bus, project: Project) -> None:
    own = Subscription(name="facade-1", topic="video-completions", ephemeral=True)
    with SubscriberClient() as subscriber:
        async with bus.subscribe(own, limit=1):
            (path,) = [each.name for each in subscriber.list_subscriptions(project=f"projects/{project.id}")]
            assert path.startswith(f"projects/{project.id}/subscriptions/facade-1-")
        assert not list(subscriber.list_subscriptions(project=f"projects/{project.id}"))


@pytest.mark.emulator
async def test_a_subscription_that_is_taken_away_ends_the_flow_as_unavailable(bus: Bus, project: Project) -> None:
    await bus.ensure(WORKERS)
    with SubscriberClient() as subscriber:
        async with bus.subscribe(WORKERS, limit=1) as flow:
            await bus.publish(WORKERS.topic, Message(data=b"x"))
            await (await take_one(flow)).ack()
            subscriber.delete_subscription(subscription=subscriber.subscription_path(project.id, WORKERS.name))
            with pytest.raises(Unavailable, match="Pub/Sub"):
                await take_one(flow)


@pytest.mark.parametrize(
    "attributes",
    [
        {"CloudPubSubDeadLetterSourceSubscription": "s", "CloudPubSubDeadLetterSourceDeliveryCount": "20"},
        add_dead_letter_attributes(
            Message(data=b""), DeadLetterInfo(subscription="s", topic="t", deliveries=20, cause="c")
        ).attributes,
    ],
)
def test_both_ways_of_dying_are_known(attributes: dict[str, str]) -> None:
    death = dead_letter_info({"job_id": "j", **attributes})
    assert death is not None
    assert (death.subscription, death.deliveries) == ("s", 20)
    assert original_message(b"x", {"job_id": "j", **attributes}).attributes == {"job_id": "j"}
    seen = subscriber_message(b"x", {"job_id": "j", **attributes}, "4711")
    assert seen.attributes == {"job_id": "j", "dead_letter_id": "4711", "dead_letter_cause": death.cause}


def test_a_cause_fits_into_an_attribute() -> None:
    death = DeadLetterInfo(subscription="s", topic="t", deliveries=1, cause="Ä" * 2000)
    assert add_dead_letter_attributes(Message(data=b""), death).attributes["dead_letter_cause"] == "Ä" * 512


def test_deliveries_are_counted_where_pubsub_does_not() -> None:
    class Received:
        delivery_attempt = None

        def __init__(self, message_id: str) -> None:
            self.message_id = message_id

    attempts = DeliveryCounter()
    assert [attempts.of(Received(id)) for id in ("a", "b", "a", "a")] == [1, 1, 2, 3]


@pytest.mark.parametrize("error", [PermissionDenied("no"), RefreshError("no"), TimeoutError()])  # type: ignore[no-untyped-call]
def test_whatever_google_raises_is_unavailable(error: Exception) -> None:
    with pytest.raises(Unavailable, match="Pub/Sub can't be used"), translate_errors("Pub/Sub"):
        raise error


def test_a_used_up_quota_is_tried_again_later() -> None:
    with pytest.raises(Unavailable) as caught, translate_errors("Pub/Sub"):
        raise ResourceExhausted("quota")  # type: ignore[no-untyped-call]
    assert caught.value.retry_after_s == 30
