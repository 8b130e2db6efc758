"""What every store promises about webhook deliveries: one courier wins a claim, and listings are complete."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.adapters import Adapters
from schemas.domain.delivery import CLAIM, DeliveryState, DisabledEndpoint, PostResult, WebhookDelivery
from schemas.errors import AlreadyExists, Conflict, Invalid
from schemas.ports import Deliveries, DeliveryQuery
from tests.contract.conftest import ADAPTERS, store_of_each

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
Open = Callable[[], Awaitable[Deliveries]]


@pytest.fixture(params=ADAPTERS)
async def open_deliveries(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    """What each of several processes would open."""
    async with store_of_each(request, tmp_path, Adapters.deliveries) as open_store:
        yield open_store


@pytest.fixture
async def deliveries(open_deliveries: Open) -> Deliveries:
    return await open_deliveries()


def a_delivery(job_id: str = "j1", *, after_s: float = 0, **given: Any) -> WebhookDelivery:
    at = NOON + timedelta(seconds=after_s)
    fields: dict[str, Any] = {
        "delivery_id": f"{job_id}-1-succeeded.request",
        "webhook_id": f"{job_id}-1-succeeded",
        "event_id": f"{job_id}.1.succeeded",
        "type": "reelbus.video.succeeded.v1",
        "job_id": job_id,
        "url": "https://example.com/hook?token=1",
        "host": "example.com:443",
        "body": '{"über": "all"}',
        "created_at": at,
        "next_at": at,
        **given,
    }
    return WebhookDelivery(**fields)


async def ids(deliveries: Deliveries, **query: Any) -> list[str]:
    found, cursor = [], None
    while True:
        page = await deliveries.list(DeliveryQuery(limit=2, cursor=cursor, **query))
        found += [each.job_id for each in page.deliveries]
        cursor = page.cursor
        if cursor is None:
            return found


async def test_what_was_created_is_read_back(deliveries: Deliveries) -> None:
    created = await deliveries.create(a_delivery("__j1__", caller="acme"))
    assert created.revision
    assert await deliveries.get(created.delivery_id) == created
    assert await deliveries.get("j2-1-succeeded.request") is None
    with pytest.raises(AlreadyExists):
        await deliveries.create(a_delivery("__j1__"))


async def test_one_of_two_couriers_wins_a_claim(open_deliveries: Open) -> None:
    ours, theirs = await open_deliveries(), await open_deliveries()
    await ours.create(a_delivery())
    (mine,), (other,) = await ours.due(NOON, limit=9), await theirs.due(NOON, limit=9)
    outcomes = await asyncio.gather(ours.save(mine.claim(NOON)), theirs.save(other.claim(NOON)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if not isinstance(outcome, WebhookDelivery)] == [Conflict]
    assert await ours.due(NOON, limit=9) == []
    assert len(await ours.due(NOON + CLAIM, limit=9)) == 1, "the claim of a killed courier expires"


async def test_a_save_replaces_the_version_that_was_read(deliveries: Deliveries) -> None:
    first = await deliveries.create(a_delivery())
    delivered = first.settle(PostResult(ms=3, status=204), began=NOON, now=NOON, chance=0.5)
    second = await deliveries.save(delivered)
    assert second.revision != first.revision
    assert await deliveries.get(first.delivery_id) == second
    with pytest.raises(Conflict):
        await deliveries.save(first)


async def test_what_is_due_comes_in_order_and_without_full_hosts(deliveries: Deliveries) -> None:
    assert await deliveries.next_due() is None
    for at, (job_id, host) in enumerate([("j1", "slow"), ("j2", "quick"), ("j3", "slow"), ("j4", "quick")]):
        await deliveries.create(a_delivery(job_id, after_s=4 - at, host=host))
    ended = a_delivery("j5", next_at=None, state=DeliveryState.DELIVERED)
    await deliveries.create(ended)
    later = NOON + timedelta(seconds=3)
    assert [each.job_id for each in await deliveries.due(later, limit=9)] == ["j4", "j3", "j2"]
    assert [each.job_id for each in await deliveries.due(later, limit=9, without=["slow"])] == ["j4", "j2"]
    assert [each.job_id for each in await deliveries.due(later, limit=1)] == ["j4"]
    assert await deliveries.next_due() == NOON + timedelta(seconds=1)


async def test_listings_have_everything_once_and_the_newest_first(deliveries: Deliveries) -> None:
    failed = {"state": DeliveryState.FAILED, "next_at": None}
    for number in range(5):
        await deliveries.create(a_delivery(f"j{number}", after_s=number, caller="acme" if number % 2 else None))
    await deliveries.create(a_delivery("j7", after_s=7, caller="acme", **failed))
    await deliveries.create(a_delivery("j8", after_s=7, caller="a", **failed))
    assert await ids(deliveries) == ["j7", "j8", "j4", "j3", "j2", "j1", "j0"]
    assert await ids(deliveries, caller="acme") == ["j7", "j3", "j1"]
    assert await ids(deliveries, state=DeliveryState.FAILED) == ["j7", "j8"]
    assert await ids(deliveries, state=DeliveryState.PENDING, caller="acme") == ["j3", "j1"]
    assert await ids(deliveries, job_id="j3") == ["j3"]
    assert await ids(deliveries, job_id="j3", caller="a") == []
    assert await ids(deliveries, job_id="j3", state=DeliveryState.FAILED) == []


async def test_a_film_and_a_job_of_one_id_have_listings_of_their_own(deliveries: Deliveries) -> None:
    of_film: dict[str, Any] = {"job_id": "", "film_id": "j1", "delivery_id": "j1-1-film-held-1.request"}
    stored = await deliveries.create(a_delivery(**of_film, caller="acme"))
    await deliveries.create(a_delivery("j1", after_s=1, caller="acme"))
    assert await ids(deliveries, job_id="j1") == ["j1"]
    assert (await deliveries.list(DeliveryQuery(film_id="j1"))).deliveries == [stored]
    assert (await deliveries.list(DeliveryQuery(film_id="j1", caller="zebra"))).deliveries == []
    assert await ids(deliveries, caller="acme") == ["j1", ""]
    saved = await deliveries.save(stored.claim(NOON))
    assert (await deliveries.list(DeliveryQuery(film_id="j1"))).deliveries == [saved]


async def test_a_cursor_of_another_listing_is_refused(deliveries: Deliveries) -> None:
    with pytest.raises(Invalid):
        await deliveries.list(DeliveryQuery(cursor="nonsense"))


async def test_only_what_has_ended_is_deleted(deliveries: Deliveries) -> None:
    await deliveries.create(a_delivery("j1"))
    for job_id, after_s in (("j2", 1), ("j3", 100)):
        await deliveries.create(a_delivery(job_id, after_s=after_s, state=DeliveryState.DELIVERED, next_at=None))
    before = NOON + timedelta(seconds=50)
    assert await deliveries.delete_before(before, limit=10) == 1
    assert await ids(deliveries) == ["j3", "j1"]


def an_endpoint(name: str, address: str = "a") -> DisabledEndpoint:
    return DisabledEndpoint(
        name=name, address=address, url="https://example.com/?…", disabled_at=NOON, delivery_id=f"j1-1-succeeded.{name}"
    )


async def test_an_endpoint_stays_disabled_until_it_is_enabled_at_all_its_addresses(open_deliveries: Open) -> None:
    ours, theirs = await open_deliveries(), await open_deliveries()
    assert await ours.list_disabled_endpoints() == []
    first = an_endpoint("crm")
    for endpoint in (an_endpoint("crm", "b"), first, an_endpoint("alarm")):
        await ours.disable_endpoint(endpoint)
    await theirs.disable_endpoint(first.model_copy(update={"disabled_at": NOON + timedelta(days=1)}))
    assert await theirs.list_disabled_endpoints() == [an_endpoint("alarm"), first, an_endpoint("crm", "b")]
    assert await theirs.enable_endpoint("crm")
    assert not await ours.enable_endpoint("crm")
    assert await ours.list_disabled_endpoints() == [an_endpoint("alarm")]
