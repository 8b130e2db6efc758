"""Broken buses: the SQLite bus with one promise taken away each. The bus suite must catch every one of them.

`open_mutant` takes the mutant's name from the environment, so that a consumer in a process of its own is broken too.
"""

import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

from infra.adapters import Adapters
from infra.embedded.bus import SqliteBus
from schemas.errors import Unavailable
from schemas.ports import Bus, DeadLetter, Delivery, Subscription
from schemas.wire.message import Message

NAME = "REELBUS_TEST_MUTANT"
OPENER = "tests.contract.bus_mutants:open_mutant"


class Wrapper:
    """A bus that hands everything on to the real one. Each mutant changes one thing."""

    def __init__(self, bus: SqliteBus) -> None:
        self.bus = bus

    @property
    def dead_letter_reads_are_exclusive(self) -> bool:
        return self.bus.dead_letter_reads_are_exclusive

    @property
    def sees_waiting(self) -> bool:
        return self.bus.sees_waiting

    async def list_waiting(self, subscription: Subscription) -> Sequence[Mapping[str, str]]:
        return await self.bus.list_waiting(subscription)

    async def publish(self, topic: str, message: Message) -> None:
        await self.bus.publish(topic, message)

    async def ensure(self, subscription: Subscription) -> None:
        await self.bus.ensure(subscription)

    async def check(self, subscription: Subscription) -> Sequence[str]:
        return await self.bus.check(subscription)

    @asynccontextmanager
    async def subscribe(self, subscription: Subscription, *, limit: int) -> AsyncIterator[AsyncIterator[Delivery]]:
        async with self.bus.subscribe(subscription, limit=limit) as flow:
            yield self.deliver(flow)

    @asynccontextmanager
    async def follow(self, subscription: Subscription) -> AsyncIterator[AsyncIterator[Message]]:
        async with self.bus.follow(subscription) as messages:
            yield messages

    async def dead_letters(self, *, limit: int = 100, id: str | None = None) -> list[DeadLetter]:
        return await self.bus.dead_letters(limit=limit, id=id)

    async def replay_dead_letter(self, id: str) -> None:
        await self.bus.replay_dead_letter(id)

    async def delete_dead_letter(self, id: str) -> None:
        await self.bus.delete_dead_letter(id)

    def deliver(self, flow: AsyncIterator[Delivery]) -> AsyncIterator[Delivery]:
        return _Deliveries(self, flow)

    async def on_delivery(self, delivery: Delivery) -> Delivery:
        return delivery

    async def run_sql(self, statement: str, *values: Any) -> None:
        def run(connection: sqlite3.Connection) -> None:
            connection.execute(statement, values)

        await self.bus._database.write(run)


class _Deliveries:
    def __init__(self, wrapper: Wrapper, flow: AsyncIterator[Delivery]) -> None:
        self._wrapper = wrapper
        self._flow = flow

    def __aiter__(self) -> "_Deliveries":
        return self

    async def __anext__(self) -> Delivery:
        return await self._wrapper.on_delivery(await anext(self._flow))


class BrokenDelivery:
    """A delivery that hands everything on to the real one."""

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery

    @property
    def message(self) -> Message:
        return self.delivery.message

    @property
    def message_id(self) -> str:
        return self.delivery.message_id

    @property
    def attempt(self) -> int:
        return self.delivery.attempt

    async def ack(self) -> None:
        await self.delivery.ack()

    async def nack(self, *, delay_s: float = 0) -> None:
        await self.delivery.nack(delay_s=delay_s)

    async def dead_letter(self, cause: str) -> None:
        await self.delivery.dead_letter(cause)


class AcksOnNack(Wrapper):
    class _Delivery(BrokenDelivery):
        async def nack(self, *, delay_s: float = 0) -> None:
            await self.delivery.ack()

    async def on_delivery(self, delivery: Delivery) -> Delivery:
        return self._Delivery(delivery)


class LosesDelayedNacks(Wrapper):
    class _Delivery(BrokenDelivery):
        async def nack(self, *, delay_s: float = 0) -> None:
            await (self.delivery.nack(delay_s=delay_s) if delay_s == 0 else self.delivery.ack())

    async def on_delivery(self, delivery: Delivery) -> Delivery:
        return self._Delivery(delivery)


class IgnoresTheDelay(Wrapper):
    class _Delivery(BrokenDelivery):
        async def nack(self, *, delay_s: float = 0) -> None:
            await self.delivery.nack()

    async def on_delivery(self, delivery: Delivery) -> Delivery:
        return self._Delivery(delivery)


class CountsNoAttempts(Wrapper):
    class _Delivery(BrokenDelivery):
        @property
        def attempt(self) -> int:
            return 1

    async def on_delivery(self, delivery: Delivery) -> Delivery:
        return self._Delivery(delivery)


class SettlesTwice(Wrapper):
    class _Delivery(BrokenDelivery):
        def __init__(self, delivery: Delivery, wrapper: Wrapper, topic: str) -> None:
            super().__init__(delivery)
            self.wrapper, self.topic, self.settled = wrapper, topic, False

        async def ack(self) -> None:
            self.settled = True
            await self.delivery.ack()

        async def nack(self, *, delay_s: float = 0) -> None:
            if self.settled:
                await self.wrapper.publish(self.topic, self.message)
            await self.delivery.nack(delay_s=delay_s)

    @asynccontextmanager
    async def subscribe(self, subscription: Subscription, *, limit: int) -> AsyncIterator[AsyncIterator[Delivery]]:
        self.topic = subscription.topic
        async with super().subscribe(subscription, limit=limit) as flow:
            yield flow

    async def on_delivery(self, delivery: Delivery) -> Delivery:
        return self._Delivery(delivery, self, self.topic)


class AcksOnDelivery(Wrapper):
    """At most once: a message is lost with the process that received it."""

    async def on_delivery(self, delivery: Delivery) -> Delivery:
        await self.run_sql("DELETE FROM deliveries WHERE lease = ?", _lease_of(delivery))
        return delivery


class LeasesForEver(Wrapper):
    """A killed consumer's message never comes again."""

    async def on_delivery(self, delivery: Delivery) -> Delivery:
        self.bus._leases._lease_ms = 3_600_000
        self.bus._renewer.stop()
        statement = "UPDATE deliveries SET visible_at = visible_at + 3600000 WHERE lease = ?"
        await self.run_sql(statement, _lease_of(delivery))
        return delivery


class CountsOnlyNacks(Wrapper):
    """A message that kills its consumers is delivered for ever."""

    class _Delivery(BrokenDelivery):
        def __init__(self, delivery: Delivery, wrapper: Wrapper) -> None:
            super().__init__(delivery)
            self.wrapper = wrapper

        async def nack(self, *, delay_s: float = 0) -> None:
            await self.wrapper.run_sql(
                "UPDATE deliveries SET attempts = attempts + 1 WHERE lease = ?", _lease_of(self.delivery)
            )
            await self.delivery.nack(delay_s=delay_s)

    async def on_delivery(self, delivery: Delivery) -> Delivery:
        await self.run_sql("UPDATE deliveries SET attempts = attempts - 1 WHERE lease = ?", _lease_of(delivery))
        return self._Delivery(delivery, self)


class RenewsNoLease(Wrapper):
    def __init__(self, bus: SqliteBus) -> None:
        super().__init__(bus)
        bus._renewer.stop()


class NeverDeadLetters(Wrapper):
    async def ensure(self, subscription: Subscription) -> None:
        await self.bus.ensure(replace(subscription, dead_letter_topic=None))

    @asynccontextmanager
    async def subscribe(self, subscription: Subscription, *, limit: int) -> AsyncIterator[AsyncIterator[Delivery]]:
        async with super().subscribe(replace(subscription, dead_letter_topic=None), limit=limit) as flow:
            yield flow


class GivesUpWithoutDeadLetterTopic(Wrapper):
    @asynccontextmanager
    async def subscribe(self, subscription: Subscription, *, limit: int) -> AsyncIterator[AsyncIterator[Delivery]]:
        topic = subscription.dead_letter_topic or f"{subscription.topic}-given-up"
        async with super().subscribe(replace(subscription, dead_letter_topic=topic), limit=limit) as flow:
            yield flow


class ListsOldestDeadLetters(Wrapper):
    async def dead_letters(self, *, limit: int = 100, id: str | None = None) -> list[DeadLetter]:
        return (await super().dead_letters(limit=1000, id=id))[::-1][:limit]


class KeepsReplayedDeadLetters(Wrapper):
    async def replay_dead_letter(self, id: str) -> None:
        found = await self.dead_letters(id=id)
        await self.bus.replay_dead_letter(id)
        for each in found:
            columns = "id, subscription, topic, data, attributes, deliveries, cause, died_at"
            row = (int(id), each.subscription, each.topic, each.message.data, "{}", each.deliveries, each.cause, 0)
            await self.run_sql(f"INSERT INTO dead_letters ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", *row)


class ReplaysWithItsMarks(Wrapper):
    async def replay_dead_letter(self, id: str) -> None:
        found = await self.dead_letters(id=id)
        await self.bus.delete_dead_letter(id)
        for each in found:
            marks = {"dead_letter_id": id, "dead_letter_cause": each.cause}
            await self.publish(each.topic, replace(each.message, attributes={**each.message.attributes, **marks}))


class SharesEphemeral(Wrapper):
    """Two processes' own subscriptions are one, so that each gets only some of the messages."""

    @asynccontextmanager
    async def subscribe(self, subscription: Subscription, *, limit: int) -> AsyncIterator[AsyncIterator[Delivery]]:
        if subscription.ephemeral:
            subscription = replace(subscription, name=f"shared-{subscription.topic}")
        async with super().subscribe(subscription, limit=limit) as flow:
            yield flow


class KeepsEphemeral(Wrapper):
    """Neither the end of its context nor that of its process ends an ephemeral subscription."""

    async def ensure(self, subscription: Subscription) -> None:
        await self.bus.ensure(replace(subscription, ephemeral=False))

    @asynccontextmanager
    async def subscribe(self, subscription: Subscription, *, limit: int) -> AsyncIterator[AsyncIterator[Delivery]]:
        async with super().subscribe(replace(subscription, ephemeral=False), limit=limit) as flow:
            yield flow


class KeepsDeadProcessesSubscriptions(Wrapper):
    """An ephemeral subscription goes with its context, and not with its killed process."""

    def __init__(self, bus: SqliteBus) -> None:
        super().__init__(bus)
        bus._ephemeral_for_ms = 3_600_000


class EndsIdleEphemeral(Wrapper):
    """An ephemeral subscription expires although its process lives."""

    async def on_delivery(self, delivery: Delivery) -> Delivery:
        self.bus._own.clear()
        return delivery


class SharesFollowers(Wrapper):
    """Two processes that follow a topic get only some of the messages each."""

    @asynccontextmanager
    async def follow(self, subscription: Subscription) -> AsyncIterator[AsyncIterator[Message]]:
        shared = replace(subscription, name=f"shared-{subscription.topic}")
        async with self.bus.subscribe(shared, limit=5) as flow:
            yield _ack_each(flow)


class KeepsFollowers(Wrapper):
    """A follower's subscription does not end with its context."""

    @asynccontextmanager
    async def follow(self, subscription: Subscription) -> AsyncIterator[AsyncIterator[Message]]:
        async with super().follow(subscription) as messages:
            self.bus._own.clear()
            yield messages


class KeepsWhatWasFollowed(Wrapper):
    """What a follower has read is never deleted."""

    @asynccontextmanager
    async def follow(self, subscription: Subscription) -> AsyncIterator[AsyncIterator[Message]]:
        async with super().follow(subscription) as messages:
            self.bus._followers.clear()
            yield messages


class FollowsByHintsAlone(Wrapper):
    """A follower that gets no hint never reads again."""

    @asynccontextmanager
    async def follow(self, subscription: Subscription) -> AsyncIterator[AsyncIterator[Message]]:
        self.bus._poll_interval_s = 3600
        async with super().follow(subscription) as messages:
            yield messages


async def _ack_each(flow: AsyncIterator[Delivery]) -> AsyncIterator[Message]:
    async for delivery in flow:
        await delivery.ack()
        yield delivery.message


class IgnoresTheLimit(Wrapper):
    @asynccontextmanager
    async def subscribe(self, subscription: Subscription, *, limit: int) -> AsyncIterator[AsyncIterator[Delivery]]:
        async with super().subscribe(subscription, limit=limit + 5) as flow:
            yield flow


class KeepsTheSlot(Wrapper):
    """A settled message frees no slot."""

    class _Delivery(BrokenDelivery):
        def __init__(self, delivery: Delivery) -> None:
            super().__init__(delivery)
            cast("Any", delivery)._stream._free -= 1

    async def on_delivery(self, delivery: Delivery) -> Delivery:
        return self._Delivery(delivery)


class NeedsTheHint(Wrapper):
    """It never polls: a lost wake-up hint is a lost message."""

    def __init__(self, bus: SqliteBus) -> None:
        super().__init__(bus)
        bus._poll_interval_s = 3600.0


class LeaksForeignErrors(Wrapper):
    async def publish(self, topic: str, message: Message) -> None:
        try:
            await super().publish(topic, message)
        except Unavailable as error:
            raise sqlite3.OperationalError("disk I/O error") from error


class LosesAttributes(Wrapper):
    async def publish(self, topic: str, message: Message) -> None:
        await super().publish(topic, replace(message, attributes={"job_id": message.attributes["job_id"]}))


class DeliversToOneSubscription(Wrapper):
    async def publish(self, topic: str, message: Message) -> None:
        await super().publish(topic, message)
        await self.run_sql(
            "DELETE FROM deliveries WHERE subscription_id NOT IN (SELECT min(subscription_id) FROM deliveries)"
        )


class ForgetsOnEnsure(Wrapper):
    async def ensure(self, subscription: Subscription) -> None:
        await self.bus.ensure(subscription)
        await self.run_sql("DELETE FROM deliveries")


class CountsUnreadMessages(Wrapper):
    """A message that no handler saw counts as delivered."""

    @asynccontextmanager
    async def subscribe(self, subscription: Subscription, *, limit: int) -> AsyncIterator[AsyncIterator[Delivery]]:
        async with super().subscribe(subscription, limit=limit) as flow:
            yield flow
        await self.run_sql("UPDATE deliveries SET attempts = attempts + 1 WHERE lease IS NULL")


class HidesLeasedMessages(Wrapper):
    async def list_waiting(self, subscription: Subscription) -> Sequence[Mapping[str, str]]:
        return (await super().list_waiting(subscription))[1:]


def _lease_of(delivery: Delivery) -> str:
    return str(cast("Any", delivery)._held.lease)


MUTANTS: dict[type[Wrapper], str] = {
    AcksOnNack: "test_a_nacked_message_comes_again_and_counts",
    LosesDelayedNacks: "test_a_delayed_nack_keeps_it_away_for_the_delay",
    IgnoresTheDelay: "test_a_delayed_nack_keeps_it_away_for_the_delay",
    CountsNoAttempts: "test_a_nacked_message_comes_again_and_counts",
    SettlesTwice: "test_settling_twice_does_nothing",
    AcksOnDelivery: "test_a_killed_consumer_s_message_comes_again_and_counts",
    LeasesForEver: "test_a_killed_consumer_s_message_comes_again_and_counts",
    CountsOnlyNacks: "test_a_message_that_kills_its_consumers_becomes_a_dead_letter",
    RenewsNoLease: "test_a_message_is_kept_while_its_handler_runs_longer_than_the_deadline",
    NeverDeadLetters: "test_after_its_last_delivery_it_is_a_dead_letter",
    GivesUpWithoutDeadLetterTopic: "test_without_a_dead_letter_topic_it_is_delivered_for_ever",
    ListsOldestDeadLetters: "test_dead_letters_are_listed_newest_first",
    KeepsReplayedDeadLetters: "test_a_replayed_dead_letter_begins_anew",
    ReplaysWithItsMarks: "test_a_replayed_dead_letter_begins_anew",
    SharesEphemeral: "test_each_ephemeral_subscription_gets_everything",
    KeepsEphemeral: "test_an_ephemeral_subscription_ends_with_its_context",
    KeepsDeadProcessesSubscriptions: "test_a_killed_process_s_ephemeral_subscription_goes",
    EndsIdleEphemeral: "test_an_ephemeral_subscription_lives_as_long_as_its_process",
    SharesFollowers: "test_each_follower_receives_everything",
    KeepsFollowers: "test_a_follower_ends_with_its_context",
    KeepsWhatWasFollowed: "test_what_a_follower_has_read_does_not_stay",
    FollowsByHintsAlone: "test_a_follower_reads_on_without_wake_up_hints",
    IgnoresTheLimit: "test_never_more_than_the_limit_unsettled",
    KeepsTheSlot: "test_a_settled_message_makes_room_for_the_next",
    NeedsTheHint: "test_delivery_goes_on_without_wake_up_hints",
    LeaksForeignErrors: "test_out_of_reach_is_unavailable",
    LosesAttributes: "test_a_message_arrives_as_it_was_sent",
    DeliversToOneSubscription: "test_every_subscription_gets_its_own_copy",
    ForgetsOnEnsure: "test_ensure_again_keeps_what_waits",
    CountsUnreadMessages: "test_what_was_not_handed_out_goes_back_uncounted",
    HidesLeasedMessages: "test_what_waits_is_seen",
}
"""Each mutant, and the case of the bus suite that catches it."""

_BY_NAME: dict[str, Callable[[SqliteBus], Wrapper]] = {mutant.__name__: mutant for mutant in MUTANTS}


async def open_mutant(adapters: Adapters, url: str, ack_deadline_s: float) -> Bus:
    """Open the SQLite bus as the mutant that the environment names, else as a wrapper that changes nothing."""
    bus = await adapters.bus(url, ack_deadline_s=ack_deadline_s)
    assert isinstance(bus, SqliteBus)
    return _BY_NAME.get(os.environ.get(NAME, ""), Wrapper)(bus)
