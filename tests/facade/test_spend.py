"""`GET /api/spend`: what the ledgers say, for a period, and for whom."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import infra.embedded.statistics
from infra.embedded.statistics import SqliteStatistics
from publisher.context import PublisherContext
from publisher.settings import new_key
from schemas.domain import events as ev
from schemas.domain.evaluation import ANSWERED, EVALUATION, EvaluationCall
from schemas.domain.job import new_job
from schemas.domain.state_machine import advance
from schemas.services.update import get_job
from tests.facade.customers import ACME, KEYS, ZEBRA, Customer
from tests.facade.doors import Door, door_to, settings_for
from tests.unit.makers import a_plan, a_request

OPS, OPS_KNOWN = new_key("ops", ["operate", "read"])
SPEND = "/api/spend"


async def pay(
    desk: PublisherContext,
    job_id: str,
    *,
    usd: str = "0.40",
    caller: str | None = None,
    days_ago: int = 0,
    **fields: Any,
) -> None:
    """A job of which one clip was accepted."""
    at = datetime.now(UTC) - timedelta(days=days_ago)
    job = new_job(a_request(job_id=job_id, **fields), at, caller=caller)
    plan = a_plan(Decimal(usd), model=fields.get("model") or "veo")
    job = advance(job, ev.SubmitStarted(at=at, plan=plan, owner="w", nonce="n"))
    await desk.jobs.create(advance(job, ev.SubmitAccepted(at=at, nonce="n", operation="op")))


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Door]:
    budgets = '[{"scope": "all", "period": "month", "limit_usd": "100"}]'
    async with door_to(settings_for(tmp_path, api_keys=(*KEYS, OPS_KNOWN), budgets=budgets)) as door:
        yield door


async def test_sums_of_a_period(door: Door) -> None:
    await pay(door.desk, "one", project_id="spring")
    await pay(door.desk, "two", usd="0.10", model="omni")
    await pay(door.desk, "free", usd="0")
    await pay(door.desk, "old", usd="7", days_ago=80)
    since = (datetime.now(UTC) - timedelta(days=1)).date()
    body = (await door.client.get(SPEND, params={"since": str(since)})).json()
    assert (body["total"]["charged_usd"], body["total"]["clips"], body["today"]["charged_usd"]) == (0.5, 2, 0.5)
    assert body["month"]["charged_usd"] == 0.5
    assert [(group["key"], group["charged_usd"]) for group in body["by_model"]] == [("veo", 0.4), ("omni", 0.1)]
    assert [(group["key"], group["charged_usd"]) for group in body["by_project"]] == [("spring", 0.4), (None, 0.1)]
    assert [group["key"] for group in body["by_day"]] == [datetime.now(UTC).date().isoformat()]
    assert body["caps"] == []
    quarter = (
        await door.client.get(SPEND, params={"since": str((datetime.now(UTC) - timedelta(days=85)).date())})
    ).json()
    assert quarter["total"]["charged_usd"] == 7.5


async def test_a_report_is_kept_for_a_while(door: Door) -> None:
    assert (await door.client.get(SPEND)).json()["total"]["clips"] == 0
    await pay(door.desk, "one")
    assert (await door.client.get(SPEND)).json()["total"]["clips"] == 0


async def test_each_sees_its_own_spend(guarded: Door) -> None:
    await pay(guarded.desk, "a", caller="acme", project_id="secret-plans")
    await pay(guarded.desk, "z", caller="zebra", usd="2")
    acme, zebra, ops = (Customer(guarded, key) for key in (ACME, ZEBRA, OPS))
    own = (await acme.call("GET", SPEND)).json()
    assert (own["total"]["charged_usd"], own["by_caller"], own["caps"]) == (0.4, [], [])
    assert (await zebra.call("GET", SPEND)).json()["total"]["charged_usd"] == 2
    assert "secret-plans" not in (await zebra.call("GET", SPEND)).text
    everything = (await ops.call("GET", SPEND)).json()
    assert [(group["key"], group["charged_usd"]) for group in everything["by_caller"]] == [("zebra", 2), ("acme", 0.4)]
    assert everything["caps"][0]["left_usd"] == 100


async def evaluate(desk: PublisherContext, job_id: str, usd: str | None) -> None:
    """One more call about the video of a job."""
    job = await get_job(desk.jobs, job_id)
    price = None if usd is None else Decimal(usd)
    call = EvaluationCall(kind=EVALUATION, metric="gecko", at=datetime.now(UTC), outcome=ANSWERED, price_usd=price)
    await desk.jobs.save(job.model_copy(update={"evaluations": (*job.evaluations, call)}))


async def test_evaluations_are_apart_and_each_sees_its_own(guarded: Door) -> None:
    for caller, usd in (("acme", "0.05"), ("zebra", None)):
        await pay(guarded.desk, caller, caller=caller)
        await evaluate(guarded.desk, caller, usd)
    for key, clips, evaluations in (
        (ACME, 1, {"calls": 1, "cost_usd": 0.05, "unpriced_calls": 0}),
        (ZEBRA, 1, {"calls": 1, "cost_usd": 0, "unpriced_calls": 1}),
        (OPS, 2, {"calls": 2, "cost_usd": 0.05, "unpriced_calls": 1}),
    ):
        body = (await Customer(guarded, key).call("GET", SPEND)).json()
        assert body["evaluations"] == evaluations
        assert (body["total"]["clips"], body["total"]["charged_usd"]) == (clips, 0.4 * clips)


@pytest.mark.parametrize(
    ("prices", "words"),
    [
        ([], None),
        ([None], '>price unknown</p>\n<p class="soft small">1 call, in no other sum</p>'),
        (["0.05", None], '>$0.05</p>\n<p class="soft small">2 calls, in no other sum; the price of 1 is unknown</p>'),
    ],
)
async def test_the_page_has_a_card_for_evaluations(door: Door, prices: list[str | None], words: str | None) -> None:
    await pay(door.desk, "one")
    for usd in prices:
        await evaluate(door.desk, "one", usd)
    page = (await door.client.get("/console/spend")).text
    assert ("<h2>Evaluations since" in page) == bool(words)
    assert (words or "") in page


async def test_csv_runs_no_formula(door: Door) -> None:
    await pay(door.desk, "one", project_id='=HYPERLINK("evil")')
    await pay(door.desk, "two", project_id='a,"b"')
    answer = await door.client.get(SPEND, params={"format": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == ["group", "key", "clips", "charged_usd", "unknown_usd", "reserved_usd"]
    assert {row[1] for row in rows if row[0] == "project"} == {'\'=HYPERLINK("evil")', 'a,"b"'}
    assert rows[-1][0] == "total"
    assert Decimal(rows[-1][3]) == Decimal("0.80")
    by_header = await door.client.get(SPEND, headers={"Accept": "text/csv"})
    assert by_header.text == answer.text


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"since": "2020-01-01"}, "since"),
        ({"since": "20260101"}, "since"),
        ({"since": "yesterday"}, "since"),
        ({"format": "xml"}, "format"),
        ({"by": "model"}, "by"),
    ],
)
async def test_a_bad_question(door: Door, query: dict[str, str], field: str) -> None:
    answer = await door.client.get(SPEND, params=query)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)


async def test_a_report_that_may_not_read_all_jobs_says_so(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Firestore, where each job that is read costs money."""
    monkeypatch.setattr(SqliteStatistics, "ledger_pages_at_most", 1)
    monkeypatch.setattr(infra.embedded.statistics, "LEDGER_JOBS", 1)
    await pay(door.desk, "old", days_ago=1)
    await pay(door.desk, "new")
    since = str((datetime.now(UTC) - timedelta(days=2)).date())
    body = (await door.client.get(SPEND, params={"since": since})).json()
    assert body["total"]["clips"] == 1
    assert body["notice"].startswith("Only the newest jobs are counted")
    monkeypatch.setattr(SqliteStatistics, "ledger_pages_at_most", None)
    earlier = str((datetime.now(UTC) - timedelta(days=3)).date())
    body = (await door.client.get(SPEND, params={"since": earlier})).json()
    assert (body["total"]["clips"], body["notice"]) == (2, None)
