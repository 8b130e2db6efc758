"""Turns a completion into the delivery of a webhook: which job, which address, and the bytes that are posted."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import ValidationError

from schemas.domain.delivery import WebhookDelivery
from schemas.domain.job import Job
from schemas.domain.projections import completion_of
from schemas.wire.caller_names import to_shown_id
from schemas.wire.message import Message
from schemas.wire.types import parse_moment
from schemas.wire.webhook import build_body, webhook_id_of
from schemas.wire.webhook_address import port_of
from schemas.wire.webhook_endpoints import FROM_REQUEST, WebhookEndpoint


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One address that hears of the end of a job or of a film."""

    url: str
    endpoint: str = FROM_REQUEST
    caller: str | None = None
    """Whose ids the event has, and whose delivery it is; None for an endpoint of the operator's."""


def targets_of(job: Job, state: str, endpoints: Sequence[WebhookEndpoint]) -> list[Target]:
    """Return who hears of this end: the webhook of the job's request, and endpoints of the settings."""
    request = job.request
    found = [
        Target(url=endpoint.url, endpoint=endpoint.name)
        for endpoint in endpoints
        if endpoint.wants(state, project_id=request.project_id, labels=request.labels)
    ]
    if request.webhook and state in request.webhook.events:
        found.append(Target(url=request.webhook.url, caller=job.caller))
    return found


def delivery_of(message: Message, job: Job, target: Target, *, facade_url: str, now: datetime) -> WebhookDelivery:
    """Build the delivery of a completion. It is not stored yet, and due at once."""
    event_id, kind = message.attributes["ce-id"], message.attributes["ce-type"]
    video_id = to_shown_id(target.caller, job.job_id)
    body = build_body(
        _data_of(json.loads(message.data), video_id),
        event_id=event_id,
        kind=kind,
        at=time_of(message, now),
        status_url=_status_url(facade_url, video_id),
    )
    return to_delivery(message, target, body, job_id=job.job_id, now=now)


def to_delivery(
    message: Message, target: Target, body: str, *, job_id: str = "", film_id: str | None = None, now: datetime
) -> WebhookDelivery:
    """Build the delivery of a message, of a job or of a film, to one target. It is due at once."""
    event_id = message.attributes["ce-id"]
    webhook_id, parts = webhook_id_of(event_id), urlsplit(target.url)
    return WebhookDelivery(
        delivery_id=f"{webhook_id}.{target.endpoint}",
        webhook_id=webhook_id,
        event_id=event_id,
        type=message.attributes["ce-type"],
        job_id=job_id,
        film_id=film_id,
        caller=target.caller,
        endpoint=target.endpoint,
        url=target.url,
        host=f"{parts.hostname}:{port_of(parts)}",
        body=body,
        created_at=now,
        next_at=now,
    )


def rebuild_body(delivery: WebhookDelivery, job: Job, *, facade_url: str, now: datetime) -> str:
    """Return the body of a delivery whose job was erased: the completion of the tombstone."""
    completion = completion_of(job, video_url=None).model_dump(mode="json", exclude_none=True)
    video_id = to_shown_id(delivery.caller, job.job_id)
    return build_body(
        _data_of(completion, video_id),
        event_id=delivery.event_id,
        kind=delivery.type,
        at=now,
        status_url=_status_url(facade_url, video_id),
    )


def _data_of(completion: dict[str, Any], video_id: str) -> Mapping[str, Any]:
    """Return the completion with the id that its caller chose, and without the address of the webhook."""
    request = completion.get("request")
    if isinstance(request, dict):
        request.pop("webhook", None)  # a worker of the release before repeats it
    return {**completion, "video_id": video_id}


def _status_url(facade_url: str, video_id: str) -> str:
    return f"{facade_url}/api/videos/{quote(video_id)}"


def time_of(message: Message, now: datetime) -> datetime:
    """Return when the event of a message happened; `now` if the message does not say it."""
    try:
        return parse_moment(message.attributes.get("ce-time", ""))
    except ValidationError:
        return now
