"""Webhooks: the field of a request, the event that is posted, and its signatures by Standard Webhooks 1.0.0.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, field_validator

from schemas.versioning import Asked
from schemas.wire.types import isoformat
from schemas.wire.webhook_address import URL_AT_MOST, split_url
from schemas.wire.webhook_keys import PRIVATE_PREFIX, SigningKey

BODY_AT_MOST = 20_000
"""The specification recommends less than 20 kB."""
TEST = "reelbus.webhook.test.v1"
_FORM = r"^https?://[!$-.0-;=A-Z\[\]_a-z~]+(?:[/?][!$-;=?-Z\[\]_a-z~]*)?$"
"""What a JSON Schema can say of an address: printable ASCII without user name and fragment."""
_SECRET_PREFIX = "whsec_"
_SECRET_BYTES = (24, 64)
"""The least and the most that the specification allows."""


class WebhookEvent(StrEnum):
    """An end of a job that a webhook reports."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


def _check_url(url: str) -> str:
    split_url(url)
    return url


WebhookUrl = Annotated[
    str, AfterValidator(_check_url), Field(max_length=URL_AT_MOST, json_schema_extra={"pattern": _FORM})
]
"""An address as it must be written. Whether events may be posted there, the policy of the settings says."""


class Webhook(Asked):
    """Where to post the end of the job. The address may hold a token: no completion and no view repeats it."""

    model_config = ConfigDict(title="Webhook")

    url: WebhookUrl = Field(description="An https:// address; signed by Standard Webhooks, see docs/webhooks.md.")
    events: tuple[WebhookEvent, ...] = Field(
        default=tuple(WebhookEvent),
        min_length=1,
        max_length=len(WebhookEvent),
        description="Which ends are reported; by default all.",
    )

    @field_validator("events")
    @classmethod
    def _in_one_order(cls, events: tuple[WebhookEvent, ...]) -> tuple[WebhookEvent, ...]:
        """Return each event once: the order says nothing, and must not make another request."""
        return tuple(event for event in WebhookEvent if event in events)


def webhook_id_of(event_id: str) -> str:
    """Return the `webhook-id` of an event: the specification allows no dot in it."""
    return event_id.replace(".", "-")


def build_body(
    data: Mapping[str, Any],
    *,
    event_id: str,
    kind: str,
    at: datetime,
    status_url: str,
    may_lack: Sequence[str] = ("request",),
) -> str:
    """Return the event as JSON: a payload of Standard Webhooks and a CloudEvent in one object.

    If the event would be larger than `BODY_AT_MOST`, the keys of `may_lack` are left out of `data`, one after the
    other: `statusurl` has them.
    """
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": "reelbus",
        "type": kind,
        "time": isoformat(at),
        "timestamp": isoformat(at),
        "datacontenttype": "application/json",
        "data": data,
        "statusurl": status_url,
    }
    body = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    left_out = next((name for name in may_lack if name in data), None)
    if len(body.encode(errors="replace")) < BODY_AT_MOST or left_out is None:
        return body
    smaller = {name: value for name, value in data.items() if name != left_out}
    return build_body(smaller, event_id=event_id, kind=kind, at=at, status_url=status_url, may_lack=may_lack)


def derive_secret(master: bytes, caller: str | None) -> bytes:
    """Return a caller's secret: HKDF-SHA256 (RFC 5869) of a master, with the caller's name as info."""
    return _derive(master, "" if caller is None else f"caller {caller}")


def derive_endpoint_secret(master: bytes, name: str) -> bytes:
    """Return the secret of an endpoint of the settings, in the same way."""
    return _derive(master, f"endpoint {name}")


def _derive(master: bytes, owner: str) -> bytes:
    pseudorandom = hmac.digest(bytes(32), master, "sha256")
    return hmac.digest(pseudorandom, f"reelbus webhook\0{owner}".encode() + b"\x01", "sha256")


def show_secret(secret: bytes) -> str:
    """Return the secret as receivers take it: `whsec_` and base64."""
    return _SECRET_PREFIX + base64.b64encode(secret).decode()


def parse_secrets(text: str) -> tuple[bytes, ...]:
    """Return the secrets of a setting, with commas between its parts. Raises `ValueError`."""
    found = []
    for part in filter(None, map(str.strip, text.split(","))):
        if part.startswith(PRIVATE_PREFIX):
            continue
        try:
            secret = base64.b64decode(part.removeprefix(_SECRET_PREFIX), validate=True)
        except binascii.Error:
            secret = b""
        if not part.startswith(_SECRET_PREFIX) or not _SECRET_BYTES[0] <= len(secret) <= _SECRET_BYTES[1]:
            raise ValueError("must be whsec_ and base64 of 24 to 64 random bytes, with commas between two of them")
        found.append(secret)
    return tuple(found)


def sign(
    secrets: Sequence[bytes], *, webhook_id: str, at: datetime, body: bytes, keys: Sequence[SigningKey] = ()
) -> dict[str, str]:
    """Return the three headers of an attempt at that moment: a `v1` for each secret, and a `v1a` for each key."""
    timestamp = str(int(at.timestamp()))
    content = f"{webhook_id}.{timestamp}.".encode() + body
    signatures = [("v1", hmac.digest(secret, content, "sha256")) for secret in secrets]
    signatures += [("v1a", key.sign(content)) for key in keys]
    shown = " ".join(f"{version},{base64.b64encode(signature).decode()}" for version, signature in signatures)
    return {"webhook-id": webhook_id, "webhook-timestamp": timestamp, "webhook-signature": shown}
