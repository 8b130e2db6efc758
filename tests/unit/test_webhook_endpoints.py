"""The endpoints of the settings: which ends they hear of, and which settings are refused."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import ValidationError

from schemas.wire.webhook import derive_endpoint_secret, derive_secret
from schemas.wire.webhook_address import AddressPolicy
from schemas.wire.webhook_endpoints import ENDPOINTS_AT_MOST, WebhookEndpoint, parse_endpoints
from subscriber.settings import WorkerSettings

CRM: dict[str, Any] = {"name": "crm", "url": "https://example.com/hook?token=secret-1"}


@pytest.mark.parametrize(
    ("given", "state", "hears"),
    [
        ({}, "succeeded", True),
        ({"events": ["failed"]}, "succeeded", False),
        ({"project_id": "shop"}, "failed", True),
        ({"project_id": "blog"}, "failed", False),
        ({"labels": {"team": "a"}}, "failed", True),
        ({"labels": {"team": "a", "tier": "gold"}}, "failed", False),
        ({"project_id": "shop", "labels": {"team": "b"}}, "failed", False),
        ({}, "film.failed", False),
        ({"events": ["film.failed"]}, "film.failed", True),
        ({"events": ["film.failed"]}, "failed", False),
        ({"events": ["film.held"], "project_id": "blog"}, "film.held", False),
    ],
)
def test_a_filter(given: dict[str, Any], state: str, hears: bool) -> None:
    endpoint = WebhookEndpoint(**CRM, **given)
    assert endpoint.wants(state, project_id="shop", labels={"team": "a"}) is hears


@pytest.mark.parametrize(
    ("endpoints", "words"),
    [
        ("crm", "must be a JSON list"),
        ([{**CRM, "name": "request"}], "0.name"),
        ([{**CRM, "name": "CRM"}], "0.name"),
        ([{**CRM, "labls": {}}], "0.labls"),
        ([{**CRM, "events": []}], "0.events"),
        ([{**CRM, "events": ["film.expired"]}], "0.events.0"),
        ([{**CRM, "events": ["film.held"], "labels": {"team": "a"}}], "films have no labels"),
        ([{**CRM, "url": "https://10.0.0.1/?token=secret-1"}], "endpoint crm: url"),
        ([CRM, CRM], "crm is given twice"),
        ([{**CRM, "name": f"e{number}"} for number in range(ENDPOINTS_AT_MOST + 1)], "at most 20 endpoints, not 21"),
    ],
)
def test_a_wrong_setting_stops_the_start_and_shows_no_address(endpoints: Any, words: str) -> None:
    text = endpoints if isinstance(endpoints, str) else json.dumps(endpoints)
    with pytest.raises(ValidationError, match="REELBUS_WEBHOOK_ENDPOINTS") as caught:
        WorkerSettings(webhook_endpoints=text)
    message = caught.value.errors()[0]["msg"]
    assert words in message
    assert "secret-1" not in message


def test_endpoints_elsewhere_need_masters() -> None:
    text = json.dumps([CRM])
    assert WorkerSettings(webhook_endpoints=text).endpoints[0].name == "crm"
    with pytest.raises(ValidationError, match="needs REELBUS_WEBHOOK_SECRETS"):
        WorkerSettings(webhook_endpoints=text, jobs="firestore://p/d")
    assert parse_endpoints(" ", AddressPolicy()) == ()
    assert "secret-1" not in repr(WorkerSettings(webhook_endpoints=text).endpoints)


def test_an_endpoint_has_its_own_secret_by_hkdf() -> None:
    master, info = bytes(range(32)), b"reelbus webhook\0endpoint crm"
    expected = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(master)
    assert derive_endpoint_secret(master, "crm") == expected
    assert expected not in (derive_secret(master, "crm"), derive_secret(master, "endpoint crm"))
