"""Webhooks of reelbus: verify what arrived, by Standard Webhooks `v1`, and read it."""

import re
from collections.abc import Mapping

from pydantic import AwareDatetime, ValidationError
from standardwebhooks import Webhook, WebhookVerificationError

from reelbus_client.models import Completion, FilmCompletion
from reelbus_client.models.base import Answer

_SECRET = re.compile(r"whsec_(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


class WebhookRefused(Exception):
    """The request is not signed with this secret, is older than five minutes, or is no event. Answer with 400."""


class WebhookEvent(Answer):
    """An event that a worker posted. Drop an `id` that you have handled."""

    id: str
    type: str
    """For example `reelbus.video.succeeded.v1`; `reelbus.webhook.test.v1` for a test."""
    time: AwareDatetime
    statusurl: str | None = None
    """Where the job or the film is, with a fresh address of its video."""
    completion: Completion | None = None
    """How the job ended; None for an event of another type."""
    film: FilmCompletion | None = None
    """How the revision of a film ended; None for an event of another type."""


class WebhookVerifier:
    """Knows the secrets of a receiver: one, or several during a rotation (`reelbus webhooks secret`)."""

    def __init__(self, *secrets: str) -> None:
        """Raises `ValueError` if a secret is not valid."""
        if not secrets or not all(_SECRET.fullmatch(secret) for secret in secrets):
            raise ValueError("a secret must be whsec_ and base64, as `reelbus webhooks secret` shows it")
        self._known = [Webhook(secret) for secret in secrets]

    def verify(self, body: bytes, headers: Mapping[str, str]) -> WebhookEvent:
        """Return the event. `body` must be the bytes as they arrived. Raises `WebhookRefused`."""
        given = {name.lower(): value for name, value in headers.items()}
        if not any(_is_signed(known, body, given) for known in self._known):
            raise WebhookRefused("the webhook is not signed with a known secret within the last five minutes")
        try:
            event = WebhookEvent.model_validate_json(body)
            data = (event.model_extra or {}).get("data")
            if event.type.startswith("reelbus.video."):
                event.completion = Completion.model_validate(data)
            if event.type.startswith("reelbus.film."):
                event.film = FilmCompletion.model_validate(data)
        except ValidationError as error:
            raise WebhookRefused(f"the body is no event: {error.errors()[0]['msg']}") from error
        return event


def _is_signed(known: Webhook, body: bytes, headers: dict[str, str]) -> bool:
    try:
        known.verify(body, headers, json_parse=False)
    except (WebhookVerificationError, ValueError):  # ValueError: no base64, no UTF-8
        return False
    return True
