"""What every bus promises. Waits end with an event; a time limit only says that it never came."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

import pytest

from schemas.errors import NotFound, Unavailable
from schemas.ports import Bus, Delivery, Subscription
from schemas.wire.message import Message
from tests.contract.conftest import BusBackend
from tests.contract.consumer import Consumer, consumer

PATIENCE_S = 60.0

Deliveries = AsyncIterator[Delivery]


def message(text: str) -> Message:
    return Message(data=text.encode(), attributes={"job_id": text})


def text_of(delivery: Delivery) -> str:
    return delivery.message.data.decode()


async def take(flow: Deliveries, count: int) -> list[Delivery]:
    async with asyncio.timeout(PATIENCE_S):
        return [await anext(flow) for _ in range(count)]


async def take_one(flow: Deliveries) -> Delivery:
    return (await take(flow, 1))[0]


@asynccontextmanager
async def receive(bus: Bus, subscription: Subscription, *, limit: int) -> AsyncIterator[Deliveries]:
    """The deliveries of a subscription that set-up has made."""
    if not subscription.ephemeral:
        await bus.ensure(subscription)
    async with bus.subscribe(subscription, limit=limit) as deliveries:
        yield deliveries


@pytest.fixture
def topic(unique: str) -> str:
    return f"topic-{unique}"


@pytest.fixture
def workers(unique: str, topic: str) -> Subscription:
    return Subscription(name=f"workers-{unique}", topic=topic, dead_letter_topic=f"{topic}-dead")


@pytest.fixture
def dying(unique: str, topic: str, backend: BusBackend) -> Subscription:
    most = backend.traits.max_deliveries
    return Subscription(name=f"dying-{unique}", topic=topic, dead_letter_topic=f"{topic}-dead", max_deliveries=most)


@pytest.fixture
def mourners(unique: str, topic: str) -> Subscription:
    return Subscription(name=f"mourners-{unique}", topic=f"{topic}-dead")


async def test_a_message_arrives_as_it_was_sent(bus: Bus, workers: Subscription) -> None:
    sent = Message(data=b"\x00\xffnot text", attributes={"job_id": "a", "title": "Ä “quoted” \n line"})
    async with receive(bus, workers, limit=1) as flow:
        await bus.publish(workers.topic, sent)
        delivery = await take_one(flow)
        assert delivery.message.data == sent.data
        assert dict(delivery.message.attributes) == dict(sent.attributes)
        assert delivery.attempt == 1
        await delivery.ack()


async def test_it_waits_for_a_subscriber_that_comes_later(backend: BusBackend, workers: Subscription) -> None:
    publisher = await backend.open()
    await publisher.ensure(workers)
    await publisher.publish(workers.topic, message("early"))
    await backend.close(publisher)
    async with receive(await backend.open(), workers, limit=1) as flow:
        delivery = await take_one(flow)
        assert text_of(delivery) == "early"
        await delivery.ack()


async def test_what_came_before_the_subscription_does_not_reach_it(bus: Bus, workers: Subscription) -> None:
    await bus.publish(workers.topic, message("before"))
    await bus.ensure(workers)
    await bus.publish(workers.topic, message("after"))
    async with receive(bus, workers, limit=1) as flow:
        delivery = await take_one(flow)
        assert text_of(delivery) == "after"
        await delivery.ack()


async def test_ensure_again_keeps_what_waits(bus: Bus, workers: Subscription) -> None:
    await bus.ensure(workers)
    await bus.publish(workers.topic, message("kept"))
    await bus.ensure(workers)
    async with receive(bus, workers, limit=1) as flow:
        delivery = await take_one(flow)
        assert text_of(delivery) == "kept"
        await delivery.ack()


async def test_an_acked_message_never_comes_again(backend: BusBackend, workers: Subscription) -> None:
    first = await backend.open()
    async with receive(first, workers, limit=1) as flow:
        await first.publish(workers.topic, message("done"))
        await (await take_one(flow)).ack()
    await backend.close(first)
    second = await backend.open()
    await second.publish(workers.topic, message("next"))
    async with receive(second, workers, limit=5) as flow:
        delivery = await take_one(flow)
        assert text_of(delivery) == "next"
        await delivery.ack()


async def test_every_subscription_gets_its_own_copy(bus: Bus, unique: str, topic: str) -> None:
    subscriptions = [Subscription(name=f"copy-{unique}-{index}", topic=topic) for index in range(4)]
    for subscription in subscriptions:
        await bus.ensure(subscription)
    await bus.publish(topic, message("all"))
    for subscription in subscriptions:
        async with receive(bus, subscription, limit=1) as flow:
            delivery = await take_one(flow)
            assert text_of(delivery) == "all"
            await delivery.ack()


async def test_hundreds_of_messages_shared_by_two_processes_all_arrive(
    backend: BusBackend, workers: Subscription
) -> None:
    publisher, *consumers = [await backend.open() for _ in range(3)]
    await publisher.ensure(workers)
    wanted = {f"m{index}" for index in range(400)}
    seen: Counter[str] = Counter()
    complete = asyncio.Event()

    async def consume(bus: Bus) -> None:
        async with receive(bus, workers, limit=20) as flow:
            async for delivery in flow:
                first_try = delivery.attempt == 1
                if first_try and text_of(delivery).endswith(("3", "7")):
                    await delivery.nack()
                    continue
                await delivery.ack()
                seen[text_of(delivery)] += 1
                if set(seen) == wanted:
                    complete.set()

    async with asyncio.timeout(PATIENCE_S):
        consuming = [asyncio.create_task(consume(bus)) for bus in consumers]
        await asyncio.gather(*(publisher.publish(workers.topic, message(text)) for text in wanted))
        await complete.wait()
        for task in consuming:
            task.cancel()
        await asyncio.gather(*consuming, return_exceptions=True)
    assert set(seen) == wanted


async def test_never_more_than_the_limit_unsettled(bus: Bus, workers: Subscription, unique: str, topic: str) -> None:
    other = Subscription(name=f"clock-{unique}", topic=f"{topic}-clock")
    await bus.ensure(workers)
    for index in range(10):
        await bus.publish(workers.topic, message(str(index)))
    async with receive(bus, workers, limit=3) as flow, receive(bus, other, limit=1) as clock:
        held = await take(flow, 3)
        following = asyncio.create_task(take_one(flow))
        await bus.publish(other.topic, message("tick"))  # what came later is here, and the fourth is not
        await (await take_one(clock)).ack()
        assert not following.done()
        for delivery in held:
            await delivery.ack()
        await (await following).ack()


async def test_what_is_beyond_the_limit_is_left_to_others(backend: BusBackend, workers: Subscription) -> None:
    if not backend.traits.fair:
        pytest.skip("the Pub/Sub emulator sends all that it has; tests/gcp sees that Pub/Sub is told the limit")
    first, second = await backend.open(), await backend.open()
    await first.ensure(workers)
    for index in range(10):
        await first.publish(workers.topic, message(str(index)))
    async with receive(first, workers, limit=3) as held:
        kept = await take(held, 3)
        async with receive(second, workers, limit=10) as rest:
            others = await take(rest, 7)  # so the first has no more than three
            assert len({text_of(delivery) for delivery in (*kept, *others)}) == 10
            for delivery in (*kept, *others):
                await delivery.ack()


async def test_a_settled_message_makes_room_for_the_next(bus: Bus, workers: Subscription) -> None:
    await bus.ensure(workers)
    for index in range(5):
        await bus.publish(workers.topic, message(str(index)))
    seen = set()
    async with receive(bus, workers, limit=1) as flow:
        for _ in range(5):
            delivery = await take_one(flow)
            seen.add(text_of(delivery))
            await delivery.ack()
    assert seen == {"0", "1", "2", "3", "4"}


async def test_a_nacked_message_comes_again_and_counts(bus: Bus, workers: Subscription) -> None:
    async with receive(bus, workers, limit=1) as flow:
        await bus.publish(workers.topic, message("again"))
        for attempt in (1, 2, 3):
            delivery = await take_one(flow)
            assert delivery.attempt == attempt
            await delivery.nack()
        await (await take_one(flow)).ack()


async def test_a_delayed_nack_keeps_it_away_for_the_delay(bus: Bus, workers: Subscription) -> None:
    async with receive(bus, workers, limit=5) as flow:
        await bus.publish(workers.topic, message("later"))
        delivery = await take_one(flow)
        started = time.monotonic()
        await delivery.nack(delay_s=0.4)
        again = await take_one(flow)
        assert time.monotonic() - started >= 0.39
        assert again.attempt == 2
        await again.ack()


async def test_without_a_dead_letter_topic_it_is_delivered_for_ever(bus: Bus, unique: str, topic: str) -> None:
    stubborn = Subscription(name=f"stubborn-{unique}", topic=topic, max_deliveries=2)
    async with receive(bus, stubborn, limit=1) as flow:
        await bus.publish(topic, message("again"))
        for _ in range(6):
            await (await take_one(flow)).nack()
        await (await take_one(flow)).ack()


async def test_after_its_last_delivery_it_is_a_dead_letter(
    bus: Bus, dying: Subscription, mourners: Subscription
) -> None:
    async with receive(bus, dying, limit=1) as flow, receive(bus, mourners, limit=1) as dead:
        await bus.publish(dying.topic, message("poison"))
        for _ in range(dying.max_deliveries):
            await (await take_one(flow)).nack()
        obituary = await take_one(dead)
        (letter,) = await bus.dead_letters(id=obituary.message.attributes["dead_letter_id"])
        assert obituary.message.attributes["dead_letter_cause"] == letter.cause
        assert obituary.message.attributes["job_id"] == "poison"
        assert text_of(obituary) == "poison"
        assert (letter.subscription, letter.topic, letter.deliveries) == (dying.name, dying.topic, dying.max_deliveries)
        assert letter.message.data == b"poison"
        assert letter.died_at.tzinfo is not None
        await obituary.ack()
        await bus.publish(dying.topic, message("healthy"))
        survivor = await take_one(flow)
        assert text_of(survivor) == "healthy"
        await survivor.ack()


async def test_a_replayed_dead_letter_begins_anew(bus: Bus, dying: Subscription) -> None:
    async with receive(bus, dying, limit=1) as flow:
        await bus.publish(dying.topic, message("poison"))
        await (await take_one(flow)).dead_letter("not today")
        (letter,) = [each for each in await bus.dead_letters() if each.subscription == dying.name]
        await bus.replay_dead_letter(letter.id)
        assert await bus.dead_letters(id=letter.id) == []
        delivery = await take_one(flow)
        assert (text_of(delivery), delivery.attempt) == ("poison", 1)
        assert dict(delivery.message.attributes) == {"job_id": "poison"}
        await delivery.ack()
        with pytest.raises(NotFound):
            await bus.replay_dead_letter(letter.id)


async def test_a_dropped_dead_letter_is_gone_and_its_neighbour_stays(bus: Bus, dying: Subscription) -> None:
    async with receive(bus, dying, limit=1) as flow:
        for text in ("drop me", "keep me"):
            await bus.publish(dying.topic, message(text))
            await (await take_one(flow)).dead_letter("test")
    kept, dropped = [each for each in await bus.dead_letters() if each.subscription == dying.name]
    await bus.delete_dead_letter(dropped.id)
    assert [each for each in await bus.dead_letters() if each.subscription == dying.name] == [kept]
    with pytest.raises(NotFound):
        await bus.delete_dead_letter(dropped.id)


async def test_a_buried_message_tells_why(bus: Bus, dying: Subscription, mourners: Subscription) -> None:
    async with receive(bus, dying, limit=1) as flow, receive(bus, mourners, limit=1) as dead:
        await bus.publish(dying.topic, message("broken"))
        await (await take_one(flow)).dead_letter("it is no JSON: “{”")
        obituary = await take_one(dead)
        assert obituary.message.attributes["dead_letter_cause"] == "it is no JSON: “{”"
        (letter,) = await bus.dead_letters(id=obituary.message.attributes["dead_letter_id"])
        assert (letter.cause, letter.deliveries) == ("it is no JSON: “{”", 1)
        await obituary.ack()


async def test_dead_letters_are_listed_newest_first(bus: Bus, dying: Subscription) -> None:
    async with receive(bus, dying, limit=1) as flow:
        for text in ("one", "two", "three"):
            await bus.publish(dying.topic, message(text))
            await (await take_one(flow)).dead_letter("test")
    assert [letter.message.data for letter in await bus.dead_letters(limit=2)] == [b"three", b"two"]


@pytest.mark.parametrize("id", ["", "0", "-1", "nothing", "99999999999999999999999", "١"])
async def test_no_such_dead_letter(bus: Bus, id: str) -> None:
    assert await bus.dead_letters(id=id) == []
    with pytest.raises(NotFound):
        await bus.replay_dead_letter(id)
    with pytest.raises(NotFound):
        await bus.delete_dead_letter(id)


async def test_settling_twice_does_nothing(bus: Bus, dying: Subscription) -> None:
    async with receive(bus, dying, limit=2) as flow:
        await bus.publish(dying.topic, message("once"))
        delivery = await take_one(flow)
        await delivery.ack()
        await delivery.nack()
        await delivery.dead_letter("twice")
        await bus.publish(dying.topic, message("next"))
        following = await take_one(flow)
        assert text_of(following) == "next"
        await following.ack()
    assert [letter for letter in await bus.dead_letters() if letter.subscription == dying.name] == []


async def test_a_message_is_kept_while_its_handler_runs_longer_than_the_deadline(
    backend: BusBackend, workers: Subscription
) -> None:
    first, second = await backend.open(), await backend.open()
    async with receive(first, workers, limit=1) as mine, receive(second, workers, limit=1) as theirs:
        await first.publish(workers.topic, message("long"))
        arriving = [asyncio.create_task(take_one(flow)) for flow in (mine, theirs)]
        done, waiting = await asyncio.wait(arriving, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
        again, _ = await asyncio.wait(waiting, timeout=backend.traits.held_for_s)
        assert (len(done), again) == (1, set())
        await done.pop().result().ack()
        await asyncio.gather(*(_given_up(task) for task in waiting))


async def _given_up(task: "asyncio.Task[Delivery]") -> None:
    task.cancel()
    await asyncio.wait([task])


async def test_giving_up_on_waiting_loses_nothing(bus: Bus, workers: Subscription) -> None:
    async with receive(bus, workers, limit=1) as flow:
        waiting = asyncio.create_task(take_one(flow))
        await asyncio.sleep(0)
        await _given_up(waiting)
        await bus.publish(workers.topic, message("still"))
        delivery = await take_one(flow)
        assert delivery.attempt == 1
        await delivery.ack()


async def test_what_was_not_handed_out_goes_back_uncounted(backend: BusBackend, workers: Subscription) -> None:
    first, second = await backend.open(), await backend.open()
    await first.ensure(workers)
    for index in range(5):
        await first.publish(workers.topic, message(str(index)))
    async with receive(first, workers, limit=5) as flow:
        seen = await take_one(flow)
    async with receive(second, workers, limit=5) as flow:
        others = await take(flow, 4)
        assert backend.traits.counts_unread or {delivery.attempt for delivery in others} == {1}
        assert text_of(seen) not in {text_of(delivery) for delivery in others}
        await seen.ack()  # it stayed ours after its context
        for delivery in others:
            await delivery.ack()


async def test_closing_the_bus_hands_on_what_was_unsettled(backend: BusBackend, workers: Subscription) -> None:
    first, second = await backend.open(), await backend.open()
    async with receive(first, workers, limit=1) as flow:
        await first.publish(workers.topic, message("unfinished"))
        delivery = await take_one(flow)
    async with receive(second, workers, limit=1) as flow:
        await backend.close(first)
        again = await take_one(flow)
        assert (text_of(again), again.attempt) == ("unfinished", 2)
        await delivery.nack()  # too late: it is another's
        await again.ack()


async def test_each_ephemeral_subscription_gets_everything(backend: BusBackend, unique: str, topic: str) -> None:
    buses = [await backend.open() for _ in range(2)]
    mine, theirs = (Subscription(name=f"own-{unique}-{index}", topic=topic, ephemeral=True) for index in range(2))
    async with receive(buses[0], mine, limit=5) as one, receive(buses[1], theirs, limit=5) as other:
        for text in ("a", "b", "c"):
            await buses[0].publish(topic, message(text))
        for flow in (one, other):
            deliveries = await take(flow, 3)
            assert {text_of(delivery) for delivery in deliveries} == {"a", "b", "c"}
            for delivery in deliveries:
                await delivery.ack()


async def test_an_ephemeral_subscription_ends_with_its_context(bus: Bus, unique: str, topic: str) -> None:
    own = Subscription(name=f"own-{unique}", topic=topic, ephemeral=True)
    async with receive(bus, own, limit=1):
        await bus.publish(topic, message("unread"))
    await bus.publish(topic, message("missed"))
    async with receive(bus, own, limit=1) as flow:
        await bus.publish(topic, message("fresh"))
        delivery = await take_one(flow)
        assert text_of(delivery) == "fresh"
        await delivery.ack()


async def test_an_ephemeral_subscription_lives_as_long_as_its_process(
    backend: BusBackend, unique: str, topic: str
) -> None:
    bus = await backend.open()
    own = Subscription(name=f"own-{unique}", topic=topic, ephemeral=True)
    other = Subscription(name=f"clock-{unique}", topic=f"{topic}-clock")
    async with receive(bus, own, limit=1) as flow, receive(bus, other, limit=1) as clock:
        # The bus's own delay measures the time.
        await bus.publish(other.topic, message("tick"))
        await (await take_one(clock)).nack(delay_s=backend.traits.owned_for_s)
        await (await take_one(clock)).ack()
        await bus.publish(topic, message("still here"))
        await (await take_one(flow)).ack()


async def test_an_ephemeral_subscription_makes_no_dead_letters(bus: Bus, unique: str, topic: str) -> None:
    own = Subscription(
        name=f"own-{unique}", topic=topic, ephemeral=True, dead_letter_topic=f"{topic}-dead", max_deliveries=2
    )
    async with receive(bus, own, limit=1) as flow:
        await bus.publish(topic, message("again"))
        for _ in range(4):
            await (await take_one(flow)).nack()
        await (await take_one(flow)).dead_letter("useless")
    assert [letter for letter in await bus.dead_letters() if letter.subscription == own.name] == []


async def test_a_bus_that_shows_what_waits_shows_leased_messages_too(bus: Bus, workers: Subscription) -> None:
    if not bus.sees_waiting:
        assert list(await bus.list_waiting(workers)) == []
        return
    await bus.ensure(workers)
    for text in ("waits", "leased"):
        await bus.publish(workers.topic, message(text))
    async with receive(bus, workers, limit=1) as flow:
        delivery = await take_one(flow)
        assert sorted(each["job_id"] for each in await bus.list_waiting(workers)) == ["leased", "waits"]
        await delivery.ack()
        left = {"leased", "waits"} - {text_of(delivery)}
        assert {each["job_id"] for each in await bus.list_waiting(workers)} == left


async def test_a_redelivery_has_the_same_message_id_and_another_message_another(
    bus: Bus, workers: Subscription
) -> None:
    async with receive(bus, workers, limit=1) as flow:
        seen = []
        await bus.publish(workers.topic, message("same"))
        for settle in ("nack", "ack"):
            delivery = await take_one(flow)
            seen.append(delivery.message_id)
            await getattr(delivery, settle)()
        await bus.publish(workers.topic, message("same"))
        again = await take_one(flow)
        await again.ack()
    assert seen[0] == seen[1] != again.message_id


def _consumer(backend: BusBackend, subscription: Subscription) -> AbstractAsyncContextManager[Consumer]:
    return consumer(backend.opener, backend.url, backend.traits.ack_deadline_s, subscription)


async def test_a_killed_consumer_s_message_comes_again_and_counts(backend: BusBackend, workers: Subscription) -> None:
    bus = await backend.open()
    await bus.ensure(workers)
    await bus.publish(workers.topic, message("survives"))
    async with _consumer(backend, workers) as killed:
        assert await killed.read() == "survives 1"
        await killed.kill()
    async with receive(bus, workers, limit=1) as flow:
        delivery = await take_one(flow)
        assert text_of(delivery) == "survives"
        # Pub/Sub may have sent it once more to the dead process's connection, before that was closed.
        assert delivery.attempt == 2 or (backend.traits.counts_unread and delivery.attempt > 2)
        await delivery.ack()


async def test_a_message_that_kills_its_consumers_becomes_a_dead_letter(
    backend: BusBackend, dying: Subscription, mourners: Subscription
) -> None:
    if backend.traits.ack_deadline_s >= 10:
        pytest.skip("the Pub/Sub emulator needs minutes for it: each lease lasts at least 10 s")
    bus = await backend.open()
    await bus.ensure(dying)
    async with receive(bus, mourners, limit=1) as dead:
        await bus.publish(dying.topic, message("killer"))
        for attempt in range(1, dying.max_deliveries + 1):
            async with _consumer(backend, dying) as killed:
                assert await killed.read() == f"killer {attempt}"
                await killed.kill()
        async with receive(bus, dying, limit=1) as flow:
            obituary = await take_one(dead)
            assert text_of(obituary) == "killer"
            (letter,) = await bus.dead_letters(id=obituary.message.attributes["dead_letter_id"])
            assert letter.deliveries == dying.max_deliveries
            await obituary.ack()
            await bus.publish(dying.topic, message("healthy"))
            survivor = await take_one(flow)
            assert text_of(survivor) == "healthy"
            await survivor.ack()


async def test_a_killed_process_s_ephemeral_subscription_goes(backend: BusBackend, unique: str, topic: str) -> None:
    bus = await backend.open()
    if not bus.sees_waiting:
        pytest.skip("Pub/Sub expires a subscription after a day at the soonest")
    own = Subscription(name=f"own-{unique}", topic=topic, ephemeral=True)
    async with _consumer(backend, own) as killed:
        await bus.publish(topic, message("for the dead"))
        assert await killed.read() == "for the dead 1"
        await killed.kill()
    async with asyncio.timeout(PATIENCE_S):
        while await bus.list_waiting(own):  # noqa: ASYNC110 - the port reports no event for it
            await asyncio.sleep(0.05)
    await bus.publish(topic, message("too late"))
    assert await bus.list_waiting(own) == []


async def test_what_waits_is_seen(bus: Bus, workers: Subscription) -> None:
    if not bus.sees_waiting:
        pytest.skip("Pub/Sub does not tell what waits")
    await bus.ensure(workers)
    for text in ("leased", "waits"):
        await bus.publish(workers.topic, message(text))
    async with receive(bus, workers, limit=1) as flow:
        delivery = await take_one(flow)
        assert sorted(each["job_id"] for each in await bus.list_waiting(workers)) == ["leased", "waits"]
        await delivery.ack()
        assert len(await bus.list_waiting(workers)) == 1
        await (await take_one(flow)).ack()
        assert await bus.list_waiting(workers) == []


async def test_out_of_reach_is_unavailable(backend: BusBackend, workers: Subscription) -> None:
    if backend.disconnect is None:
        pytest.skip("a test can't cut the emulator off; tests/gcp sees the client's errors translated")
    bus = await backend.open()
    await bus.ensure(workers)
    backend.disconnect()
    for call in (
        lambda: bus.publish(workers.topic, message("lost")),
        lambda: bus.ensure(workers),
        bus.dead_letters,
        lambda: bus.replay_dead_letter("1"),
        lambda: bus.delete_dead_letter("1"),
    ):
        with pytest.raises(Unavailable):
            await call()


async def test_delivery_goes_on_without_wake_up_hints(
    backend: BusBackend, workers: Subscription, unique: str, topic: str
) -> None:
    consuming, publishing = await backend.open(), await backend.open()
    other = Subscription(name=f"clock-{unique}", topic=f"{topic}-clock")
    async with receive(consuming, workers, limit=1) as flow, receive(consuming, other, limit=1) as clock:
        await consuming.publish(other.topic, message("tick"))
        await (await take_one(clock)).ack()  # so the consumer has read its empty subscription, and waits
        backend.lose_hints()
        await publishing.publish(workers.topic, message("without a hint"))
        delivery = await take_one(flow)
        assert text_of(delivery) == "without a hint"
        await delivery.ack()


async def _texts(messages: AsyncIterator[Message], count: int) -> list[str]:
    async with asyncio.timeout(PATIENCE_S):
        return [(await anext(messages)).data.decode() for _ in range(count)]


async def test_each_follower_receives_everything(backend: BusBackend, unique: str, topic: str) -> None:
    following, publishing = await backend.open(), await backend.open()
    one, other = (Subscription(name=f"follower-{unique}-{index}", topic=topic, ephemeral=True) for index in range(2))
    async with following.follow(one) as first, publishing.follow(other) as second:
        for number in range(300):
            await publishing.publish(topic, message(str(number)))
        for messages in (first, second):
            assert sorted(await _texts(messages, 300), key=int) == [str(number) for number in range(300)]


async def test_a_follower_ends_with_its_context(bus: Bus, unique: str, topic: str) -> None:
    own = Subscription(name=f"follower-{unique}", topic=topic, ephemeral=True)
    async with bus.follow(own):
        await bus.publish(topic, message("unread"))
    assert not await bus.list_waiting(own)
    await bus.publish(topic, message("missed"))
    async with bus.follow(replace(own, name=f"{own.name}-again")) as messages:
        await bus.publish(topic, message("fresh"))
        assert await _texts(messages, 1) == ["fresh"]


async def test_a_follower_reads_on_without_wake_up_hints(backend: BusBackend, unique: str, topic: str) -> None:
    following, publishing = await backend.open(), await backend.open()
    own = Subscription(name=f"follower-{unique}", topic=topic, ephemeral=True)
    async with following.follow(own) as messages:
        await publishing.publish(topic, message("first"))
        assert await _texts(messages, 1) == ["first"]
        backend.lose_hints()
        following_on = asyncio.create_task(_texts(messages, 1))
        for _ in range(2):
            await following.list_waiting(own)  # so the follower has read nothing new, and waits
        await publishing.publish(topic, message("without a hint"))
        assert await following_on == ["without a hint"]


async def test_what_a_follower_has_read_does_not_stay(backend: BusBackend, unique: str, topic: str) -> None:
    bus = await backend.open()
    if not bus.sees_waiting:
        pytest.skip("Pub/Sub does not tell what waits; a follower there acks each message")
    own = Subscription(name=f"follower-{unique}", topic=topic, ephemeral=True)
    async with bus.follow(own) as messages:
        for number in range(5):
            await bus.publish(topic, message(str(number)))
        await _texts(messages, 4)
        async with asyncio.timeout(PATIENCE_S):
            while len(await bus.list_waiting(own)) > 1:  # noqa: ASYNC110 - the port reports no event for it
                await asyncio.sleep(0.05)
        assert await _texts(messages, 1) == ["4"]


async def test_a_follower_that_can_t_read_says_so(backend: BusBackend, unique: str, topic: str) -> None:
    if backend.disconnect is None:
        pytest.skip("a test can't cut the emulator off; tests/gcp sees the client's errors translated")
    bus = await backend.open()
    own = Subscription(name=f"follower-{unique}", topic=topic, ephemeral=True)
    async with bus.follow(own) as messages:
        backend.disconnect()
        with pytest.raises(Unavailable):
            await _texts(messages, 1)
