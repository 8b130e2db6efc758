"""Looks at the topics and subscriptions on Pub/Sub: whether they exist, and are as `reelbus setup` makes them."""

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from google.api_core.exceptions import Forbidden, GoogleAPICallError, MethodNotImplemented, NotFound, PermissionDenied
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.iam.v1.iam_policy_pb2 import GetIamPolicyRequest, TestIamPermissionsRequest
from google.pubsub_v1 import types

from infra.gcp.doctor.account import CALL_S, Account, agent_member, explain_google, member_of
from infra.gcp.pubsub.admin import Subscriptions, dead_letter_subscription_of
from schemas.ports import (
    BATCH_REQUESTS,
    BATCH_WORKERS,
    COMPLETIONS,
    DEAD_REQUESTS,
    EVALUATIONS,
    EVALUATORS,
    FILM_COMPLETIONS,
    FILM_REQUESTS,
    REQUESTS,
    WEBHOOKS,
    WORKERS,
)
from schemas.ports.findings import Finding
from schemas.services.subscriptions import SHARED, TOPICS

EMULATOR = "PUBSUB_EMULATOR_HOST"
SETUP = "reelbus setup, or terraform apply"
_EMULATOR_RETENTION = timedelta(days=7)
"""The longest that the emulator stores a message."""
_AGENT = "@gcp-sa-pubsub.iam.gserviceaccount.com"
_CONSUME = "pubsub.subscriptions.consume"
_PUBLISHES = {
    "facade": (REQUESTS, BATCH_REQUESTS, COMPLETIONS, FILM_REQUESTS),
    "worker": (REQUESTS, BATCH_REQUESTS, COMPLETIONS, DEAD_REQUESTS, FILM_COMPLETIONS, EVALUATIONS),
    "evaluator": (EVALUATIONS,),
}
"""What each process publishes to. A cancel announces its completion itself; a worker publishes lost requests again."""


class _Setting(NamedTuple):
    """One setting of a subscription, and the options of `gcloud pubsub subscriptions update` that set it."""

    words: str
    value: Callable[[types.Subscription], Any]
    option: Callable[[types.Subscription], str]
    """Returns the options. Those of one policy are given together: gcloud resets what is not given."""
    unset: str = ""
    """The option that takes a value away; empty: it may have any value if none is wanted."""


def _set_dead_letters(wanted: types.Subscription) -> str:
    policy = wanted.dead_letter_policy
    topic, limit = _short(policy.dead_letter_topic), policy.max_delivery_attempts
    return f"--dead-letter-topic={topic} --max-delivery-attempts={limit}"


def _set_pauses(wanted: types.Subscription) -> str:
    policy = wanted.retry_policy
    shortest, longest = policy.minimum_backoff, policy.maximum_backoff
    return f"--min-retry-delay={_seconds_of(shortest)} --max-retry-delay={_seconds_of(longest)}"


_NO_LETTERS = "--clear-dead-letter-policy"
_SETTINGS = (
    _Setting("dead-letter topic", lambda it: it.dead_letter_policy.dead_letter_topic, _set_dead_letters, _NO_LETTERS),
    _Setting("delivery limit", lambda it: it.dead_letter_policy.max_delivery_attempts, _set_dead_letters, _NO_LETTERS),
    _Setting(
        "ack deadline in seconds",
        lambda it: it.ack_deadline_seconds,
        lambda it: f"--ack-deadline={it.ack_deadline_seconds}",
    ),
    _Setting(
        "retention",
        lambda it: it.message_retention_duration,
        lambda it: f"--message-retention-duration={_seconds_of(it.message_retention_duration)}",
    ),
    _Setting(
        "expiry without a consumer",
        lambda it: it.expiration_policy.ttl or "never",
        lambda _: "--expiration-period=never",
    ),
    _Setting("shortest pause before a redelivery", lambda it: it.retry_policy.minimum_backoff, _set_pauses),
    _Setting("longest pause before a redelivery", lambda it: it.retry_policy.maximum_backoff, _set_pauses),
    _Setting(
        "push endpoint", lambda it: it.push_config.push_endpoint, lambda _: "--push-endpoint=''", "--push-endpoint=''"
    ),
)


class Messages:
    """The looks at one project's Pub/Sub. Close it afterwards."""

    def __init__(self, project: str, account: Account, *, webhooks: bool = False, evaluates: bool = False) -> None:
        """`webhooks`: the settings have the secrets that sign them, so that their subscription is needed.

        `evaluates`: the settings name an evaluation service.
        """
        credentials = None if EMULATOR in os.environ else account.credentials
        self._publisher = PublisherClient(credentials=credentials)
        self._subscriber = SubscriberClient(credentials=credentials)
        self._subscriptions = Subscriptions(self._publisher, self._subscriber, project)
        self._project, self._account = project, account
        self._webhooks, self._evaluates = webhooks, evaluates
        self._agent = f'"{agent_member(project, _AGENT)}"'
        self._missing = set[str]()
        """The topics and subscriptions that do not exist: their roles can't be asked for."""
        self._astray = list[str]()
        """The subscriptions on another topic, or on one that was deleted. `reelbus setup` deletes none of them."""

    def __enter__(self) -> "Messages":
        return self

    def __exit__(self, *_: object) -> None:
        self._publisher.stop()
        self._publisher.transport.close()
        self._subscriber.close()

    def examine(self, processes: Sequence[str]) -> Iterator[Finding]:
        """Look at all of it, for these processes: `facade`, `worker` or both.

        The first call that is not answered ends it: each of the others would wait as long.
        """
        subscriptions = [(wanted, self._read(wanted.name)) for wanted in self.list_wanted()]
        self._astray = [
            _short(wanted.name)
            for wanted, found in subscriptions
            if isinstance(found, types.Subscription) and found.topic != wanted.topic
        ]
        for topic in TOPICS:
            yield self.examine_topic(topic)
        for wanted, found in subscriptions:
            yield from self.examine_subscription(wanted, found)
        try:
            yield from self.examine_roles(processes)
            yield from self.examine_agent()
        except MethodNotImplemented:
            yield Finding.skip("roles", "Pub/Sub", "the emulator has no permissions")

    def list_wanted(self) -> Iterator[types.Subscription]:
        """Build the configuration of every subscription that workers and operators use."""
        for each in SHARED:
            yield self._subscriptions.configuration_of(each, each.name)
        yield self._subscriptions.dead_letter_configuration_of(DEAD_REQUESTS)

    def examine_topic(self, topic: str) -> Finding:
        """Look if the topic exists, and takes every message."""
        try:
            found = self._publisher.get_topic(topic=self._subscriptions.topic_path(topic), timeout=CALL_S, retry=None)
        except NotFound:
            self._missing.add(topic)
            return Finding.wrong("topic", topic, "does not exist", self._make_again(self._astray))
        except PermissionDenied:  # a process need not read a topic: the permission that it needs is tested below
            words = "can't be read: that needs pubsub.topics.get, which no process has"
            return Finding.skip("topic", topic, words, "ask as the operator, with roles/pubsub.viewer")
        if found.schema_settings.schema:
            words = f"has the schema {_short(found.schema_settings.schema)}, and refuses messages that do not match it"
            clear = f"gcloud pubsub topics update {topic} --clear-schema-settings --project={self._project}"
            return Finding.wrong("topic", topic, words, clear)
        return Finding.ok("topic", topic, "exists")

    def _read(self, path: str) -> types.Subscription | GoogleAPICallError:
        """Return the subscription, or why it can't be read. Raises `GoogleAPICallError` if no other can be read."""
        try:
            found: types.Subscription = self._subscriber.get_subscription(subscription=path, timeout=CALL_S, retry=None)
            return found
        except (NotFound, Forbidden) as error:
            return error

    def _make_again(self, names: Sequence[str]) -> str:
        """Return the command that makes subscriptions again. Jobs whose messages it deletes are queued again."""
        if not names:
            return SETUP
        return f"gcloud pubsub subscriptions delete {' '.join(names)} --project={self._project} && reelbus setup"

    def examine_subscription(
        self, wanted: types.Subscription, found: types.Subscription | GoogleAPICallError
    ) -> Iterator[Finding]:
        """Compare one subscription with the wanted configuration."""
        name = _short(wanted.name)
        if isinstance(found, NotFound):
            self._missing.add(name)
            yield self._explain_missing(name)
            return
        if isinstance(found, GoogleAPICallError):
            yield explain_google("subscription", name, found)
            return
        wrong = [*self.examine_settings(name, found, wanted), *self.examine_shape(name, found, wanted)]
        limit = wanted.dead_letter_policy.max_delivery_attempts
        words = f"as wanted: {f'{limit} deliveries, then a dead letter' if limit else 'no delivery limit'}"
        yield from wrong or [Finding.ok("subscription", name, words)]

    def _explain_missing(self, name: str) -> Finding:
        if name == WEBHOOKS.name and not self._webhooks:
            words = "does not exist: jobs run, and completions from before it exists are posted to no webhook"
            return Finding.note("subscription", name, words, SETUP)
        if name == EVALUATORS.name and not self._evaluates:
            words = "does not exist: jobs run, and videos from before it exists get no score"
            return Finding.note("subscription", name, words, SETUP)
        return Finding.wrong("subscription", name, "does not exist", SETUP)

    def examine_settings(self, name: str, found: types.Subscription, wanted: types.Subscription) -> Iterator[Finding]:
        """Compare the settings that can be updated."""
        for setting in _SETTINGS:
            is_value, value = setting.value(found), setting.value(wanted)
            if (
                is_value == value
                or not (value or setting.unset)
                or (EMULATOR in os.environ and is_value == _EMULATOR_RETENTION)
            ):
                continue
            words = f"{setting.words} is {_show(is_value)}, and must be {_show(value)}"
            option = setting.option(wanted) if value else setting.unset
            remedy = f"gcloud pubsub subscriptions update {name} {option} --project={self._project}"
            yield Finding.wrong("subscription", name, words, remedy)

    def examine_shape(self, name: str, found: types.Subscription, wanted: types.Subscription) -> Iterator[Finding]:
        """Look for what can't be updated, and for what Pub/Sub does beside the delivery."""
        again = self._make_again([name])
        if found.topic != wanted.topic:
            words = f"is on topic {_short(found.topic)}, and must be on {_short(wanted.topic)}"
            yield Finding.wrong("subscription", name, words, self._make_again(self._astray))
        if found.bigquery_config.table or found.cloud_storage_config.bucket:
            words = "writes its messages into BigQuery or a bucket, and delivers none"
            yield Finding.wrong("subscription", name, words, again)
        if getattr(found, "message_transforms", None):  # of newer libraries
            words = "changes or drops messages by transforms"
            yield Finding.wrong("subscription", name, words, again)
        if found.enable_message_ordering:
            words = "delivers in order: a message that waits holds up those behind it, if messages have ordering keys"
            yield Finding.note("subscription", name, words, again)
        if found.filter:
            yield Finding.wrong("subscription", name, f"has a filter, and drops other messages: {found.filter}", again)
        if found.detached:
            yield Finding.wrong("subscription", name, "is detached from its topic", again)
        if found.enable_exactly_once_delivery:
            words = "delivers exactly once, which costs time and is not needed"
            remedy = (
                f"gcloud pubsub subscriptions update {name} --no-enable-exactly-once-delivery --project={self._project}"
            )
            yield Finding.note("subscription", name, words, remedy)

    def examine_roles(self, processes: Sequence[str]) -> Iterator[Finding]:
        """Ask for the permissions on each topic and subscription, which costs nothing."""
        publishes = dict.fromkeys(topic for process in processes for topic in _PUBLISHES[process])
        rows = [(self._publisher, topic, "pubsub.topics.publish", "roles/pubsub.publisher") for topic in publishes]
        subscribes = "roles/pubsub.subscriber"
        if "facade" in processes:
            rows.append((self._publisher, COMPLETIONS, "pubsub.topics.attachSubscription", subscribes))
            rows.append((self._subscriber, dead_letter_subscription_of(DEAD_REQUESTS), _CONSUME, subscribes))
        if "worker" in processes:
            names = [_short(wanted.name) for wanted in self.list_wanted()]
            rows += [(self._subscriber, name, _CONSUME, subscribes) for name in names]
        if "evaluator" in processes:
            rows.append((self._subscriber, EVALUATORS.name, _CONSUME, subscribes))
        for client, name, permission, role in dict.fromkeys(rows):
            if name not in self._missing:
                yield self.examine_permission(client, name, permission, role)

    def examine_permission(
        self, client: PublisherClient | SubscriberClient, name: str, permission: str, role: str
    ) -> Finding:
        """Test one permission on a topic or a subscription."""
        is_topic = permission.startswith("pubsub.topics.")
        path = self._subscriptions.topic_path(name) if is_topic else self._subscriptions.path(name)
        about = f"{permission} on {name}"
        request = TestIamPermissionsRequest(resource=path, permissions=[permission])
        try:
            granted = client.test_iam_permissions(request=request, timeout=CALL_S, retry=None).permissions
        except MethodNotImplemented:
            raise
        except GoogleAPICallError as error:
            return explain_google("role", about, error)
        if permission in granted:
            return Finding.ok("role", about, f"granted to {self._account.name}")
        remedy = self._bind(path, role, member_of(self._account))
        return Finding.wrong("role", about, f"{self._account.name} lacks it", remedy)

    def examine_agent(self) -> Iterator[Finding]:
        """Look if Pub/Sub's own account may forward dead letters; without both roles it forwards none."""
        resources = [(self._publisher, self._subscriptions.topic_path(DEAD_REQUESTS), "roles/pubsub.publisher")]
        for each in (WORKERS, BATCH_WORKERS):
            resources.append((self._subscriber, self._subscriptions.path(each.name), "roles/pubsub.subscriber"))
        for client, path, role in resources:
            if _short(path) in self._missing:
                continue
            name = f"{role} of Pub/Sub's service agent on {_short(path)}"
            try:
                request = GetIamPolicyRequest(resource=path)
                bindings = client.get_iam_policy(request=request, timeout=CALL_S, retry=None).bindings
            except MethodNotImplemented:
                raise
            except GoogleAPICallError:
                words = "these credentials may not read the policy; without the role no dead letter is forwarded"
                yield Finding.skip("role", name, words, self._bind(path, role, self._agent))
                continue
            members = [member for binding in bindings if binding.role == role for member in binding.members]
            if any(member.endswith(_AGENT) for member in members):
                yield Finding.ok("role", name, "granted")
            else:
                words = "not granted here: unless the project grants it, no dead letter is forwarded"
                yield Finding.note("role", name, words, self._bind(path, role, self._agent))

    def _bind(self, path: str, role: str, member: str) -> str:
        kind = "topics" if "/topics/" in path else "subscriptions"
        options = f"--role={role} --member={member} --project={self._project}"
        return f"gcloud pubsub {kind} add-iam-policy-binding {_short(path)} {options}"


def _short(path: str) -> str:
    return path.rpartition("/")[2]


def _seconds_of(value: timedelta) -> str:
    """Return a duration as gcloud reads it."""
    return f"{value.total_seconds():.3f}".rstrip("0").rstrip(".") + "s"


def _show(value: Any) -> str:
    if isinstance(value, timedelta):
        days = value.total_seconds() / 86_400
        return f"{days:.0f} days" if days >= 2 and days.is_integer() else _seconds_of(value).replace("s", " s")
    return _short(str(value)) or "none"
