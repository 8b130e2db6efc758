"""Scopes of keys: who may ask for what, and that nothing tells of another caller's job."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from publisher.settings import ApiKey, PublisherSettings, new_key
from schemas.wire.caller_names import to_stored_id
from tests.facade.customers import ACME, ACME_KNOWN, ZEBRA, ZEBRA_KNOWN, Customer
from tests.facade.doors import GENERATE, PROMPT, Door, door_to, settings_for

SUBMIT, SUBMIT_KNOWN = new_key("acme", ["submit"])
READ, READ_KNOWN = new_key("acme", ["read"])
OPS, OPS_KNOWN = new_key("ops", ["operate"])
ALL, ALL_KNOWN = new_key("boss", ["submit", "read", "operate"])
KEYS = (ACME_KNOWN, ZEBRA_KNOWN, SUBMIT_KNOWN, READ_KNOWN, OPS_KNOWN, ALL_KNOWN)

CALLS = {
    ("GET", "/api/videos"): {"read", "operate"},
    ("GET", "/api/videos/{id}"): {"read", "operate"},
    ("GET", "/api/videos/{id}/events"): {"read", "operate"},
    ("DELETE", "/api/videos/{id}"): {"submit", "operate"},
    ("POST", GENERATE): {"submit"},
    ("POST", "/api/videos/plan"): {"submit"},
    ("GET", "/api/videos/{id}/replay"): {"submit", "operate"},
    ("POST", "/api/videos/{id}/replay"): {"submit", "operate"},
    ("GET", "/api/spend"): {"read", "operate"},
    ("GET", "/api/videos/{id}/resolve"): {"operate"},
    ("POST", "/api/videos/{id}/resolve"): {"operate"},
    ("GET", "/api/videos/{id}/erase"): {"operate"},
    ("POST", "/api/videos/{id}/erase"): {"operate"},
    ("GET", "/api/dead-letters"): {"operate"},
    ("GET", "/api/dead-letters/1"): {"operate"},
    ("DELETE", "/api/dead-letters/1"): {"operate"},
    ("POST", "/api/dead-letters/1/replay"): {"operate"},
    ("GET", "/api/trouble"): {"operate"},
    ("GET", "/api/health/workers"): {"operate"},
    ("GET", "/api/videos?caller=zebra"): {"operate"},
    ("GET", "/api/films"): {"read", "operate"},
    ("GET", "/api/films?caller=zebra"): {"operate"},
    ("GET", "/api/films/ad/erase"): {"operate"},
    ("POST", "/api/films/ad/erase"): {"operate"},
    ("GET", "/api/webhooks/deliveries"): {"read", "operate"},
    ("POST", "/api/webhooks/deliveries/1/replay"): {"submit", "operate"},
    ("GET", "/api/webhooks/disabled"): {"operate"},
    ("POST", "/api/webhooks/endpoints/crm/enable"): {"operate"},
    ("POST", "/api/webhooks/test"): {"submit", "operate"},
    ("GET", "/api/webhooks/secret"): {"submit", "operate"},
}


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with door_to(settings_for(tmp_path, api_keys=KEYS, wait_s=0.01)) as door:
        yield door


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_a_call_needs_its_scope(door: Door, method: str, path: str) -> None:
    stored = await Customer(door, ACME).queued()
    callers = {"submit": SUBMIT, "read": READ, "operate": OPS}
    for scope, key in callers.items():
        if path.endswith("/events") and scope in CALLS[method, path]:
            continue  # it streams until the job ends
        answer = await Customer(door, key).call(method, path.format(id=stored), json={} if method == "POST" else None)
        is_refused = answer.status_code == 403 and "scope" in answer.json()["detail"]
        assert is_refused == (scope not in CALLS[method, path]), (scope, answer.status_code, answer.text)


async def test_a_refusal_is_the_same_for_jobs_that_exist_or_not(door: Door) -> None:
    stored = await Customer(door, ACME).queued()
    for what in ("/resolve", "/erase"):
        answers = [await Customer(door, ZEBRA).call("GET", f"/api/videos/{job}{what}") for job in (stored, "never-was")]
        assert answers[0].status_code == answers[1].status_code == 403
        assert answers[0].text == answers[1].text


@pytest.mark.parametrize(("method", "what"), [("GET", "/replay"), ("POST", "/replay")])
async def test_another_caller_s_job_is_not_there(door: Door, method: str, what: str) -> None:
    stored = await Customer(door, ACME).queued()
    zebra = Customer(door, ZEBRA)
    body: dict[str, str] | None = {} if method == "POST" else None
    missing = await zebra.call(method, f"/api/videos/{'0' * len(stored)}{what}", json=body)
    answer = await zebra.call(method, f"/api/videos/{stored}{what}", json=body)
    assert answer.status_code == missing.status_code == 404
    assert answer.text == missing.text.replace("0" * len(stored), stored)


async def test_a_search_finds_no_other_caller_s_job(door: Door) -> None:
    stored = await Customer(door, ACME).queued(job_id="order-1", project_id="spring", labels={"team": "growth"})
    for query in ("q=order-1", "q=spring", "q=growth", "label=team=growth", "project_id=spring", "q=queued"):
        body = (await Customer(door, ZEBRA).call("GET", f"/api/videos?{query}")).json()
        assert body == {"videos": [], "next_cursor": None}, query
        found = (await Customer(door, ACME).call("GET", f"/api/videos?{query}")).json()["videos"]
        assert [view["video_id"] for view in found] == [stored], query


async def test_an_operator_sees_all_jobs_by_their_stored_ids(door: Door) -> None:
    await Customer(door, ACME).queued(job_id="order-1")
    await Customer(door, ZEBRA).queued(job_id="order-1")
    ops, ids = Customer(door, OPS), [to_stored_id(caller, "order-1") for caller in ("zebra", "acme")]
    views = (await ops.call("GET", "/api/videos")).json()["videos"]
    assert [(view["video_id"], view["caller"]) for view in views] == list(zip(ids, ("zebra", "acme"), strict=True))
    only = (await ops.call("GET", "/api/videos?caller=acme")).json()["videos"]
    assert [view["video_id"] for view in only] == [ids[1]]
    assert (await ops.call("GET", f"/api/videos/{ids[1]}")).json()["caller"] == "acme"
    assert (await ops.call("GET", "/api/videos/order-1")).status_code == 404
    assert (await ops.call("DELETE", f"/api/videos/{ids[0]}")).json()["state"] == "cancelled"


async def test_an_operator_that_submits_finds_its_own_job_by_its_own_id(door: Door) -> None:
    boss = Customer(door, ALL)
    assert await boss.queued(job_id="order-1") == "order-1"
    view = (await boss.call("GET", "/api/videos/order-1")).json()
    assert (view["video_id"], view["caller"]) == (to_stored_id("boss", "order-1"), "boss")


async def test_a_key_without_scopes_may_do_what_it_could(door: Door) -> None:
    acme = Customer(door, ACME)
    job_id = await acme.queued()
    assert (await acme.call("GET", f"/api/videos/{job_id}")).status_code == 200
    assert (await acme.call("DELETE", f"/api/videos/{job_id}")).status_code == 200
    assert (await acme.post({"Prefer": "respond-async"}, prompt=PROMPT)).status_code == 202


def test_the_entry_of_a_usual_key_is_read_by_the_release_before() -> None:
    assert set(ACME_KNOWN.model_dump()) == {"name", "sha256"}
    assert '"scopes"' not in ACME_KNOWN.model_dump_json()
    assert OPS_KNOWN.model_dump()["scopes"] == ("operate",)


@pytest.mark.parametrize("scopes", [[], ["admin"], ["read", "read", "read", "read"], "read"])
def test_scopes_that_are_none(scopes: object) -> None:
    with pytest.raises(ValidationError):
        ApiKey.model_validate({"name": "a", "sha256": "0" * 64, "scopes": scopes})


def test_scopes_in_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REELBUS_API_KEYS", f"[{OPS_KNOWN.model_dump_json()}]")
    assert PublisherSettings().api_keys == (OPS_KNOWN,)
