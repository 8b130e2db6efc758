"""`POST /api/videos/plan`: the price before the job, by the rules of a generate call, and nothing is written."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from publisher.settings import PublisherSettings
from schemas.domain.budget import BudgetShard
from schemas.ports import JobQuery
from tests.facade.customers import ACME, KEYS, ZEBRA, Customer
from tests.facade.doors import PROMPT, Door, door_to, settings_for
from tests.images import data_url, png

PLAN = "/api/videos/plan"
VERTEX = "vertex://project/us-central1"
BUDGETS = '[{"scope": "all", "period": "month", "limit_usd": "2"}]'


def paid(folder: Path, **changes: Any) -> PublisherSettings:
    return settings_for(folder, provider=VERTEX, videos="", **changes)


@pytest.fixture
async def veo(tmp_path: Path) -> AsyncIterator[Door]:
    async with door_to(paid(tmp_path, budgets=BUDGETS)) as door:
        yield door


async def ask(door: Door, **body: Any) -> httpx.Response:
    return await door.client.post(PLAN, json={"prompt": PROMPT, **body})


async def use(door: Door, usd: str) -> None:
    """As if workers had spent so much of the month's budget."""
    limit, at = door.desk.limits[0], door.desk.clock.now()
    name = limit.slice_names(at)[0]
    shard = BudgetShard(name=name, terms=limit.version, allotted=limit.limit_usd, used=Decimal(usd))
    assert door.desk.budgets
    await door.desk.budgets.give_back(shard)


async def test_a_free_video(door: Door) -> None:
    body = (await ask(door, duration_seconds=7)).json()
    (clip,) = body["clips"]
    assert (body["price_usd"], body["billed_seconds"], body["duration_seconds"], body["cut_seconds"]) == (0, 0, 7, 0)
    assert (body["model"], clip["model"], clip["seconds"]) == ("animatic", "animatic", 7)
    assert body["expected_s"] > 0
    assert (body["refusal"], body["video_id"], body["budgets"], body["budget_left_usd"]) == (None, None, [], None)


async def test_a_paid_video_and_what_is_left_of_the_budget(veo: Door) -> None:
    await use(veo, "0.50")
    body = (await ask(veo, duration_seconds=9)).json()
    assert body["price_usd"] == pytest.approx(sum(clip["price_usd"] for clip in body["clips"]))
    assert body["price_usd"] > 0
    assert body["billed_seconds"] >= 9
    assert body["cut_seconds"] == pytest.approx(sum(clip["seconds"] for clip in body["clips"]) - 9)
    (cap,) = body["budgets"]
    assert (cap["scope"], cap["limit_usd"], cap["used_usd"], cap["left_usd"]) == ("all", 2, 0.5, 1.5)
    assert body["budget_left_usd"] == 1.5
    assert body["refusal"] is None


async def test_a_scene_is_planned_as_it_would_be_made(door: Door) -> None:
    scene = {"title": "Opening", "description": "A professional office setting", "timeEnd": "8s"}
    body = (await door.client.post(PLAN, json={"scene": scene})).json()
    assert body["duration_seconds"] == 8
    assert "professional office" in body["prompt"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"prompt": "short"}, "prompt"),
        ({"prompt": PROMPT, "duration_seconds": 31}, "duration_seconds"),
        ({"prompt": PROMPT, "tempo": 3}, "tempo"),
        ({"prompt": PROMPT, "resolution": "4k"}, "resolution"),
        ({"prompt": PROMPT, "reference_image": "data:image/png;base64,AAAA"}, "reference_image"),
        ({"prompt": PROMPT, "reference_image": data_url(png()), "last_image": data_url(png())}, "last_image"),
        ({"prompt": PROMPT, "reference_images": [data_url(png())]}, "reference_images"),
        ({"prompt": PROMPT, "job_id": "generate"}, "job_id"),
    ],
)
async def test_what_can_not_be_made_is_refused_with_its_field(door: Door, body: dict[str, Any], field: str) -> None:
    answer = await door.client.post(PLAN, json=body)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)


async def test_a_form_of_another_page_is_refused(door: Door) -> None:
    answer = await door.client.post(PLAN, content=b"{}", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


async def test_what_would_refuse_it_is_said_beside_the_price(veo: Door) -> None:
    over = (await ask(veo, max_cost_usd=0.01)).json()
    assert (over["refusal"]["code"], over["refusal"]["field"]) == ("over_max_cost", "max_cost_usd")
    assert over["price_usd"] > 0
    await use(veo, "1.99")
    spent = (await ask(veo)).json()
    assert spent["refusal"]["code"] == "budget_exceeded"
    assert spent["budget_left_usd"] == pytest.approx(0.01)


async def test_a_full_queue_is_said(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, max_queued_per_caller=1)) as door:
        await door.queued()
        assert (await ask(door)).json()["refusal"]["code"] == "too_many_queued"


async def test_a_job_that_exists_is_named_and_another_one_refused(door: Door) -> None:
    await door.queued(job_id="mine")
    assert (await ask(door, job_id="mine")).json()["video_id"] == "mine"
    answer = await ask(door, job_id="mine", duration_seconds=6)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "id_reused")


async def test_nothing_is_written(door: Door, tmp_path: Path) -> None:
    def files() -> set[Path]:
        return {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if "reelbus.db" not in path.name}

    before = files()
    answer = await ask(door, job_id="mine", reference_image=data_url(png()))
    assert answer.status_code == 200
    assert files() == before
    assert (await door.desk.jobs.list(JobQuery())).jobs == []


async def test_a_caller_learns_nothing_of_a_shared_budget(tmp_path: Path) -> None:
    async with door_to(paid(tmp_path, budgets=BUDGETS, api_keys=KEYS)) as door:
        acme = Customer(door, ACME)
        await use(door, "1.99")
        body = (await acme.call("POST", PLAN, json={"prompt": PROMPT})).json()
        assert (body["budgets"], body["budget_left_usd"]) == ([], None)
        assert body["refusal"]["code"] == "budget_exceeded"
        assert "1.99" not in body["refusal"]["message"]
        assert "0.01" not in body["refusal"]["message"]


async def test_another_caller_s_id_is_free(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, api_keys=KEYS)) as door:
        acme, zebra = Customer(door, ACME), Customer(door, ZEBRA)
        await acme.queued(job_id="order-1")
        mine = await acme.call("POST", PLAN, json={"prompt": PROMPT, "job_id": "order-1"})
        other = await zebra.call("POST", PLAN, json={"prompt": "another prompt, no less lovely", "job_id": "order-1"})
        assert (mine.json()["video_id"], other.json()["video_id"]) == ("order-1", None)
