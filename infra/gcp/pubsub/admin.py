"""Creates, updates and compares what the bus needs on Pub/Sub: topics, subscriptions, and those of dead letters.

`reelbus setup` writes. A process only compares: an operator's own tools may have made the subscriptions, and a start
must not undo what they set. The ephemeral subscription of a facade is the exception: the facade creates and deletes it.

The calls block: run them in a thread. Limits and defaults: https://cloud.google.com/pubsub/docs/subscription-properties
"""

from collections.abc import Callable
from datetime import timedelta

from google.api_core.exceptions import AlreadyExists, InvalidArgument, NotFound, PermissionDenied
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1 import types

from schemas.errors import Invalid, Unavailable
from schemas.ports import Subscription

ADMIN_TIMEOUT_S = 20.0
ACK_DEADLINE_S = 60
"""The ack deadline of a subscription. A streaming pull sets its own for the messages that it leases."""
EPHEMERAL_FOR = timedelta(days=1)
"""The shortest expiration that Pub/Sub allows: for so long the subscription of a killed facade remains."""
_EPHEMERAL_RETENTION = timedelta(minutes=10)
_RETENTION = (timedelta(days=31), timedelta(days=7))
"""A message outlives an outage of the workers. 31 days is the longest retention of Pub/Sub, and 7 days the longest that
its emulator 0.8.20 accepts."""
_BACKOFF = (timedelta(seconds=0.1), timedelta(seconds=60))
"""A lower and an upper limit: a handler that fails chooses its own delay."""
_POLICIES = ("dead_letter_policy", "retry_policy", "expiration_policy")

Report = Callable[[str, str, str], None]
"""Called for every resource: its kind, its name, and `created`, `updated` or `kept`."""


def dead_letter_subscription_of(dead_letter_topic: str) -> str:
    """Return the name of the subscription that stores the dead letters of a topic. It has no consumer."""
    return f"{dead_letter_topic}-shelf"


class Subscriptions:
    """Topics and subscriptions of one project."""

    def __init__(self, publisher: PublisherClient, subscriber: SubscriberClient, project: str) -> None:
        self._publisher = publisher
        self._subscriber = subscriber
        self._project = project

    def topic_path(self, topic: str) -> str:
        """Return the full name of a topic."""
        return f"projects/{self._project}/topics/{topic}"

    def path(self, name: str) -> str:
        """Return the full name of a subscription."""
        return f"projects/{self._project}/subscriptions/{name}"

    def topic_of(self, name: str) -> str | None:
        """Return the topic of a subscription; None if the topic or the subscription does not exist any more."""
        try:
            found = self._subscriber.get_subscription(subscription=self.path(name), timeout=ADMIN_TIMEOUT_S)
        except NotFound:
            return None
        prefix, _, topic = found.topic.rpartition("/")
        return topic if prefix == f"projects/{self._project}/topics" else None

    def ensure_topic(self, topic: str, report: Report | None = None) -> None:
        """Create the topic if it does not exist."""
        try:
            self._publisher.create_topic(name=self.topic_path(topic), timeout=ADMIN_TIMEOUT_S)
        except AlreadyExists:
            _report(report, "topic", topic, "kept")
        else:
            _report(report, "topic", topic, "created")

    def ensure(self, subscription: Subscription, name: str, report: Report | None = None) -> None:
        """Create or update the subscription under that name, and that of its dead letters.

        Raises `Invalid` if a subscription of that name is on another topic.
        """
        if subscription.ephemeral:
            self._create_ephemeral(self.configuration_of(subscription, name))
            return
        for wanted in self._configurations(subscription, name):
            self._ensure(wanted, report)

    def compare(self, subscription: Subscription, name: str) -> list[str]:
        """Return how the subscription under that name, and that of its dead letters, differ from what `ensure` makes.

        Raises `Unavailable` if one of them does not exist, and `Invalid` if one of that name is on another topic.
        """
        return [words for wanted in self._configurations(subscription, name) for words in self._compare(wanted)]

    def delete(self, name: str) -> None:
        """Delete the subscription, if it exists."""
        try:
            self._subscriber.delete_subscription(subscription=self.path(name), timeout=ADMIN_TIMEOUT_S)
        except NotFound:
            return

    def dead_letter_configuration_of(self, topic: str) -> types.Subscription:
        """Build the configuration of the subscription that stores the dead letters of a topic."""
        return types.Subscription(
            name=self.path(dead_letter_subscription_of(topic)),
            topic=self.topic_path(topic),
            ack_deadline_seconds=ACK_DEADLINE_S,
            message_retention_duration=_RETENTION[0],
            expiration_policy=types.ExpirationPolicy(),
        )

    def configuration_of(self, subscription: Subscription, name: str) -> types.Subscription:
        """Build the configuration that Pub/Sub gets."""
        wanted = types.Subscription(
            name=self.path(name),
            topic=self.topic_path(subscription.topic),
            ack_deadline_seconds=ACK_DEADLINE_S,
        )
        if subscription.ephemeral:
            wanted.expiration_policy = types.ExpirationPolicy(ttl=EPHEMERAL_FOR)
            wanted.message_retention_duration = _EPHEMERAL_RETENTION
            return wanted
        wanted.message_retention_duration = _RETENTION[0]
        wanted.expiration_policy = types.ExpirationPolicy()  # without a ttl it never expires
        wanted.retry_policy = types.RetryPolicy(minimum_backoff=_BACKOFF[0], maximum_backoff=_BACKOFF[1])
        if subscription.dead_letter_topic:
            wanted.dead_letter_policy = types.DeadLetterPolicy(
                dead_letter_topic=self.topic_path(subscription.dead_letter_topic),
                max_delivery_attempts=subscription.max_deliveries,
            )
        return wanted

    def _configurations(self, subscription: Subscription, name: str) -> list[types.Subscription]:
        """Return the configurations of the subscription's dead letters, if it has any, and of itself."""
        wanted = [self.configuration_of(subscription, name)]
        if subscription.dead_letter_topic:
            wanted.insert(0, self.dead_letter_configuration_of(subscription.dead_letter_topic))
        return wanted

    def _compare(self, wanted: types.Subscription) -> list[str]:
        short = _short_name(wanted.name)
        try:
            found = self._subscriber.get_subscription(subscription=wanted.name, timeout=ADMIN_TIMEOUT_S)
        except NotFound as error:
            raise Unavailable(f"Pub/Sub has no subscription {short}: run `reelbus setup`") from error
        except PermissionDenied:
            return [f"{short} can't be compared: these credentials lack pubsub.subscriptions.get"]
        _check_topic(found, wanted)
        return [
            f"{short}: {policy} is {_one_line(getattr(found, policy))}, not {_one_line(getattr(wanted, policy))}"
            for policy in _find_differences(found, wanted)
        ]

    def _create_ephemeral(self, wanted: types.Subscription) -> None:
        """Create the subscription. Ask for nothing else: a facade need not have the right to create a topic."""
        try:
            self._subscriber.create_subscription(request=wanted, timeout=ADMIN_TIMEOUT_S)
        except NotFound:  # the topic does not exist yet: as on any other bus, that is no error
            self._create(wanted, None)

    def _ensure(self, wanted: types.Subscription, report: Report | None) -> None:
        short = _short_name(wanted.name)
        try:
            found = self._subscriber.get_subscription(subscription=wanted.name, timeout=ADMIN_TIMEOUT_S)
        except NotFound:
            _report(report, "subscription", short, self._create(wanted, report))
            return
        _check_topic(found, wanted)
        _report(report, "subscription", short, self._update(found, wanted))

    def _create(self, wanted: types.Subscription, report: Report | None) -> str:
        self.ensure_topic(_short_name(wanted.topic), report)
        if wanted.dead_letter_policy.dead_letter_topic:
            self.ensure_topic(_short_name(wanted.dead_letter_policy.dead_letter_topic), report)
        try:
            self._subscriber.create_subscription(request=wanted, timeout=ADMIN_TIMEOUT_S)
        except AlreadyExists:
            return "kept"  # another process created it first
        except InvalidArgument as error:
            if "message_retention_duration" not in str(error):
                raise
            wanted.message_retention_duration = _RETENTION[1]
            self._subscriber.create_subscription(request=wanted, timeout=ADMIN_TIMEOUT_S)
        return "created"

    def _update(self, found: types.Subscription, wanted: types.Subscription) -> str:
        paths = _find_differences(found, wanted)
        if not paths:
            return "kept"
        request = types.UpdateSubscriptionRequest(subscription=wanted, update_mask=FieldMask(paths=paths))
        self._subscriber.update_subscription(request=request, timeout=ADMIN_TIMEOUT_S)
        return f"updated ({', '.join(paths)})"


def _check_topic(found: types.Subscription, wanted: types.Subscription) -> None:
    if found.topic != wanted.topic:
        name = _short_name(wanted.name)
        words = (
            f"subscription {name} is on topic {_short_name(found.topic)}, and must be on {_short_name(wanted.topic)}; "
            f"delete it (gcloud pubsub subscriptions delete {name}), and run reelbus setup"
        )
        raise Invalid(words, field="topic")


def _find_differences(found: types.Subscription, wanted: types.Subscription) -> list[str]:
    return [name for name in _POLICIES if getattr(found, name) != getattr(wanted, name)]


def _one_line(policy: object) -> str:
    return " ".join(str(policy).split()) or "not set"


def _short_name(path: str) -> str:
    return path.rpartition("/")[2]


def _report(report: Report | None, kind: str, name: str, done: str) -> None:
    if report:
        report(kind, name, done)
