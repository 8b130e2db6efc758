"""Webhooks without a network: addresses, bytes, signatures, the schedule."""

import base64
import ipaddress
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import ValidationError

from infra.webhooks.secrets import WebhookSecrets
from infra.webhooks.signing_keys import open_signing_keys
from publisher.settings import PublisherSettings
from schemas.domain.delivery import ATTEMPTS, DeliveryState, PostResult
from schemas.domain.job import new_job
from schemas.domain.projections import completion_of
from schemas.domain.states import JobState
from schemas.errors import Category, Charged, Failure, Invalid
from schemas.wire.completion import Outcome
from schemas.wire.request import VideoRequest
from schemas.wire.webhook import BODY_AT_MOST, Webhook, build_body, derive_secret, parse_secrets, show_secret, sign
from schemas.wire.webhook_address import AddressPolicy, is_public, mask_url, parse_policy
from schemas.wire.webhook_keys import jwk_of, show_public_key
from tests.contract.test_deliveries import NOON, a_delivery

VECTORS = json.loads((Path(__file__).parents[2] / "schemas/vectors/webhooks.json").read_text())
HOSTILE = (
    "https://127.0.0.1/",
    "https://[::ffff:127.0.0.1]/",
    "https://2130706433/",
    "https://0177.0.0.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://[::1]/",
    "https://10.0.0.1/",
    "https://100.64.0.1/",
    "https://user:secret@example.com/",
    "ftp://example.com/",
    "https://0.0.0.0/",
    "https://example.com:8443/",
)
MORE_HOSTILE = (
    "https://localhost/",
    "https://metadata.google.internal/",
    "https://127.1/",
    "https://0x7f.0.0.1/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[fd00::1]/",
    "https://[fe80::1%25eth0]/",
    "https://224.0.0.1/",
    "https://192.168.1.1/",
    "http://example.com/",
    "https:///hook",
    "https://example.com\\@127.0.0.1/",
)


@pytest.mark.parametrize("url", [*HOSTILE, *MORE_HOSTILE])
def test_a_hostile_address_is_refused_by_its_text(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        AddressPolicy().check_url(url)
    assert caught.value.field == "webhook.url"


@pytest.mark.parametrize("url", ["https://example.com/hook?token=1", "https://8.8.8.8/", "https://[2606:4700::1111]/a"])
def test_a_public_address_is_taken(url: str) -> None:
    AddressPolicy().check_url(url)


def test_an_operator_may_allow_networks_and_ports() -> None:
    policy = parse_policy("127.0.0.0/8, 10.1.0.0/16", "443,8443")
    policy.check_url("http://127.0.0.1:8080/hook")
    policy.check_url("https://8.8.8.8:8443/")
    for url in ("http://10.2.0.1/", "http://8.8.8.8/", "https://8.8.8.8:8444/"):
        with pytest.raises(Invalid):
            policy.check_url(url)


@pytest.mark.parametrize(
    "setting",
    [
        {"webhook_networks": "10.1.0.1/16"},
        {"webhook_ports": "0"},
        {"webhook_secrets": "whsec_YQ=="},
        {"webhook_secrets": "whsk_YQ=="},
        {"webhook_secrets": "whsk_" + "A" * 43 + "=", "jobs": "firestore://p/d"},
    ],
)
def test_a_wrong_setting_stops_the_start(setting: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="REELBUS_WEBHOOK_"):
        PublisherSettings(**setting)


def test_an_address_that_stands_for_a_private_one_is_not_public() -> None:
    assert is_public(ipaddress.ip_address("64:ff9b::808:808"))
    assert not is_public(ipaddress.ip_address("64:ff9b::a00:1"))
    assert not is_public(ipaddress.ip_address("::ffff:8.8.8.8"))


def test_the_query_and_the_user_are_masked() -> None:
    assert mask_url("https://a:b@example.com:8443/x?token=1") == "https://example.com:8443/x?…"
    assert mask_url("https://example.com/x") == "https://example.com/x"


@pytest.mark.parametrize("vector", VECTORS["v1"], ids=lambda vector: vector["name"])
def test_signatures_are_those_of_the_vectors(vector: dict[str, Any]) -> None:
    at = datetime.fromtimestamp(int(vector["headers"]["webhook-timestamp"]), UTC)
    secrets = parse_secrets(",".join(vector["secrets"]))
    body = vector["body"].encode()
    assert sign(secrets, webhook_id=vector["headers"]["webhook-id"], at=at, body=body) == vector["headers"]


@pytest.mark.parametrize("vector", VECTORS["v1a"], ids=lambda vector: vector["name"])
def test_signatures_with_keys_are_those_of_the_vectors(vector: dict[str, Any]) -> None:
    at = datetime.fromtimestamp(int(vector["headers"]["webhook-timestamp"]), UTC)
    settings = PublisherSettings(webhook_secrets=",".join([*vector["private_keys"], *vector["secrets"]]))
    keys = open_signing_keys(settings)
    assert [show_public_key(key.public) for key in keys] == vector["public_keys"]
    assert [jwk_of(key.public) for key in keys] == vector["jwks"]
    secrets, body = parse_secrets(settings.webhook_secrets.get_secret_value()), vector["body"].encode()
    signed = sign(secrets, webhook_id=vector["headers"]["webhook-id"], at=at, body=body, keys=keys)
    assert signed == vector["headers"]
    content = f"{signed['webhook-id']}.{signed['webhook-timestamp']}.".encode() + body
    found = [part.removeprefix("v1a,") for part in signed["webhook-signature"].split(" ") if part.startswith("v1a,")]
    for key, signature in zip(keys, found, strict=True):
        Ed25519PublicKey.from_public_bytes(key.public).verify(base64.b64decode(signature), content)


def test_a_thumbprint_is_that_of_rfc_8037() -> None:
    public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    assert jwk_of(public)["kid"] == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_without_keys_no_library_is_loaded_and_nothing_else_is_signed() -> None:
    assert open_signing_keys(PublisherSettings()) == ()


def test_a_caller_has_its_own_secret_by_hkdf() -> None:
    master = bytes(range(32))
    info = b"reelbus webhook\0caller acme"
    expected = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(master)
    assert derive_secret(master, "acme") == expected
    assert len({derive_secret(master, caller) for caller in (None, "", "acme", "acme2")}) == 4
    assert parse_secrets(show_secret(expected)) == (expected,)


def test_processes_of_one_folder_share_a_secret_that_only_its_owner_can_read(tmp_path: Path) -> None:
    one, other = WebhookSecrets((), tmp_path), WebhookSecrets((), tmp_path)
    assert one.of("acme") == other.of("acme")
    assert (tmp_path / ".webhook-secret").stat().st_mode & 0o077 == 0
    two = WebhookSecrets((bytes(32), bytes(24)), None)
    assert len(two.of(None)) == 2, "during a rotation there are two"


def test_the_body_is_a_cloud_event_and_a_standard_webhook() -> None:
    body = json.loads(
        build_body(
            {"state": "succeeded"},
            event_id="j.1.s",
            kind="reelbus.video.succeeded.v1",
            at=NOON,
            status_url="https://a/j",
        )
    )
    assert body == {
        "specversion": "1.0",
        "id": "j.1.s",
        "source": "reelbus",
        "type": "reelbus.video.succeeded.v1",
        "time": "2026-01-01T12:00:00.000Z",
        "timestamp": "2026-01-01T12:00:00.000Z",
        "datacontenttype": "application/json",
        "data": {"state": "succeeded"},
        "statusurl": "https://a/j",
    }


def test_a_long_request_is_left_out_of_the_body() -> None:
    data = {"state": "failed", "request": {"prompt": "🎬" * (BODY_AT_MOST // 4)}}
    body = build_body(data, event_id="j.1.s", kind="k", at=NOON, status_url="u")
    assert json.loads(body)["data"] == {"state": "failed"}


def a_request(**fields: Any) -> VideoRequest:
    return VideoRequest.model_validate({"job_id": "j1", "prompt": "a slow pan over a desk", **fields})


def test_the_address_is_part_of_the_request_and_of_no_completion() -> None:
    url = "https://example.com/hook?token=1"
    request = a_request(webhook={"url": url})
    assert request.fingerprint() != a_request().fingerprint()
    assert (
        request.fingerprint()
        == a_request(webhook={"url": url, "events": ["expired", "failed", "succeeded", "cancelled"]}).fingerprint()
    )
    assert request.body()["webhook"] == {"url": url}
    assert "webhook" not in a_request().model_dump()
    job = new_job(request, NOON)
    failure = Failure(category=Category.INTERNAL, code="x", message="m", charged=Charged.NO)
    ended = job.model_copy(update={"state": JobState.FAILED, "failure": failure})
    completion = completion_of(ended, video_url=None)
    assert completion.state is Outcome.FAILED
    assert "token" not in completion.model_dump_json()


def test_attempts_come_as_the_schedule_says_and_end() -> None:
    delivery, waits = a_delivery(), []
    now = NOON
    while delivery.next_at:
        delivery = delivery.settle(PostResult(ms=1, status=500, error="status"), began=now, now=now, chance=0.5)
        if delivery.next_at:
            waits.append((delivery.next_at - now).total_seconds())
            now = delivery.next_at
    assert waits == [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    assert (delivery.state, delivery.tries, len(delivery.attempts)) == (DeliveryState.FAILED, ATTEMPTS, ATTEMPTS)
    again = delivery.replay(now)
    assert (again.state, again.tries, again.next_at, again.webhook_id) == (
        DeliveryState.PENDING,
        0,
        now,
        delivery.webhook_id,
    )


@pytest.mark.parametrize(("chance", "waits_s"), [(0.0, 4.5), (1.0, 5.5)])
def test_the_jitter_is_ten_percent(chance: float, waits_s: float) -> None:
    settled = a_delivery().settle(PostResult(ms=1, error="timeout"), began=NOON, now=NOON, chance=chance)
    assert settled.next_at == NOON + timedelta(seconds=waits_s)


@pytest.mark.parametrize(("asked_s", "waits_s"), [(1.0, 5.0), (600.0, 600.0), (1e9, 86_400.0)])
def test_a_receiver_may_ask_for_a_pause_of_a_day_at_most(asked_s: float, waits_s: float) -> None:
    result = PostResult(ms=1, status=429, error="status", retry_after_s=asked_s)
    settled = a_delivery().settle(result, began=NOON, now=NOON, chance=0.5)
    assert settled.next_at == NOON + timedelta(seconds=waits_s)


@pytest.mark.parametrize(
    ("status", "state"),
    [(200, "delivered"), (204, "delivered"), (299, "delivered"), (302, "pending"), (404, "pending"), (410, "disabled")],
)
def test_a_status_decides_what_becomes_of_a_delivery(status: int, state: str) -> None:
    settled = a_delivery().settle(PostResult(ms=1, status=status), began=NOON, now=NOON, chance=0.5)
    assert (settled.state, settled.next_at is None) == (state, state != "pending")


def test_events_are_taken_in_one_order() -> None:
    webhook = Webhook.model_validate({"url": "https://example.com/", "events": ["expired", "failed", "expired"]})
    assert webhook.events == ("failed", "expired")
