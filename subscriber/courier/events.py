"""Turns a completion into the delivery of a webhook: which job, which address, and the bytes that are posted."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import ValidationError

from schemas.domain.delivery import FROM_REQUEST, WebhookDelivery
from schemas.domain.job import Job
from schemas.domain.projections import completion_of
from schemas.wire.caller_names import to_shown_id
from schemas.wire.message import Message
from schemas.wire.types import parse_moment
from schemas.wire.webhook import Webhook, build_body, webhook_id_of
from schemas.wire.webhook_address import port_of


def webhook_of(job: Job, state: str) -> Webhook | None:
    """Return the webhook of the job's request if it reports this end."""
    webhook = job.request.webhook
    return webhook if webhook and state in webhook.events else None


def delivery_of(message: Message, job: Job, webhook: Webhook, *, facade_url: str, now: datetime) -> WebhookDelivery:
    """Build the delivery of a completion. It is not stored yet, and due at once."""
    event_id, kind = message.attributes["ce-id"], message.attributes["ce-type"]
    body = build_body(
        _data_of(json.loads(message.data), job),
        event_id=event_id,
        kind=kind,
        at=_time_of(message, now),
        status_url=_status_url(facade_url, job),
    )
    webhook_id, parts = webhook_id_of(event_id), urlsplit(webhook.url)
    return WebhookDelivery(
        delivery_id=f"{webhook_id}.{FROM_REQUEST}",
        webhook_id=webhook_id,
        event_id=event_id,
        type=kind,
        job_id=job.job_id,
        caller=job.caller,
        url=webhook.url,
        host=f"{parts.hostname}:{port_of(parts)}",
        body=body,
        created_at=now,
        next_at=now,
    )


def rebuild_body(delivery: WebhookDelivery, job: Job, *, facade_url: str, now: datetime) -> str:
    """Return the body of a delivery whose job was erased: the completion of the tombstone."""
    completion = completion_of(job, video_url=None).model_dump(mode="json", exclude_none=True)
    return build_body(
        _data_of(completion, job),
        event_id=delivery.event_id,
        kind=delivery.type,
        at=now,
        status_url=_status_url(facade_url, job),
    )


def _data_of(completion: dict[str, Any], job: Job) -> Mapping[str, Any]:
    """Return the completion with the id that its caller chose, and without the address of the webhook."""
    request = completion.get("request")
    if isinstance(request, dict):
        request.pop("webhook", None)  # a worker of the release before repeats it
    return {**completion, "video_id": to_shown_id(job.caller, job.job_id)}


def _status_url(facade_url: str, job: Job) -> str:
    return f"{facade_url}/api/videos/{quote(to_shown_id(job.caller, job.job_id))}"


def _time_of(message: Message, now: datetime) -> datetime:
    try:
        return parse_moment(message.attributes.get("ce-time", ""))
    except ValidationError:
        return now
