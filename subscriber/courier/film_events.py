"""Turns the end of a revision of a film into deliveries of webhooks: which addresses, and the bytes that are posted.

The worker that announces the end stores them. The courier takes no message of films: it finds them when they are due.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from schemas.domain.delivery import WebhookDelivery
from schemas.domain.film import Film
from schemas.wire.caller_names import to_shown_id
from schemas.wire.film import EndOfRevision, FilmCompletion
from schemas.wire.message import Message
from schemas.wire.webhook import build_body
from schemas.wire.webhook_endpoints import OF_FILMS, WebhookEndpoint
from subscriber.courier.events import Target, time_of, to_delivery

_MAY_LACK = ("titles", "scenes")
"""What an event leaves out that would be too large: a film has up to 60 of both."""


def film_targets_of(film: Film, end: EndOfRevision, endpoints: Sequence[WebhookEndpoint]) -> list[Target]:
    """Return who hears of this end: the webhook of that revision's storyboard, and endpoints of the settings."""
    event = f"{OF_FILMS}{end.completion.state}"
    found = [
        Target(url=endpoint.url, endpoint=endpoint.name)
        for endpoint in endpoints
        if endpoint.wants(event, project_id=end.project_id, labels={})
    ]
    if end.webhook_url:
        found.append(Target(url=end.webhook_url, caller=film.caller))
    return found


def film_delivery_of(
    message: Message, film: Film, target: Target, *, facade_url: str, now: datetime
) -> WebhookDelivery:
    """Build the delivery of an end. It is not stored yet, and due at once."""
    event_id, kind = message.attributes["ce-id"], message.attributes["ce-type"]
    body = _build_body(
        json.loads(message.data),
        film,
        target.caller,
        event_id=event_id,
        kind=kind,
        at=time_of(message, now),
        facade_url=facade_url,
    )
    return to_delivery(message, target, body, film_id=film.film_id, now=now)


def rebuild_film_body(delivery: WebhookDelivery, film: Film, *, facade_url: str, now: datetime) -> str:
    """Return the body of a delivery whose film was erased: which end it was, and nothing that its caller wrote."""
    _, revision, _, state, *_ = delivery.event_id.split(".")
    ended = FilmCompletion(film_id=film.film_id, revision=int(revision), state=state, erased_at=film.erased_at)
    return _build_body(
        ended.model_dump(mode="json", exclude_none=True),
        film,
        delivery.caller,
        event_id=delivery.event_id,
        kind=delivery.type,
        at=film.erased_at or now,
        facade_url=facade_url,
    )


def _build_body(
    completion: dict[str, Any],
    film: Film,
    caller: str | None,
    *,
    event_id: str,
    kind: str,
    at: datetime,
    facade_url: str,
) -> str:
    """Return the event, with the ids as this caller chose them."""
    film_id = to_shown_id(caller, film.film_id)
    scenes = [{**scene, "video_id": to_shown_id(caller, scene["job_id"])} for scene in completion.get("scenes", ())]
    data = {**completion, "film_id": film_id, **({"scenes": scenes} if scenes else {})}
    address = f"{facade_url}/api/films/{quote(film_id)}"
    return build_body(data, event_id=event_id, kind=kind, at=at, status_url=address, may_lack=_MAY_LACK)
