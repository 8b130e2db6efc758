"""`reelbus spend`: every cent in one place, from records as workers leave them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from publisher.context import PublisherContext
from publisher.spend import PAGE_SIZE, Spend, spend
from schemas.domain import events as ev
from schemas.domain.budget import Reserved
from schemas.domain.clip import Plan
from schemas.domain.evaluation import ANSWERED, EVALUATION, EvaluationCall
from schemas.domain.job import Job, new_job
from schemas.domain.state_machine import advance
from tests.cli.commands import Shell, complaint
from tests.unit.makers import BUSY, NO, a_plan, a_request

FIRST = datetime(2026, 1, 30, 23, 59, tzinfo=UTC)
SECOND = datetime(2026, 1, 31, 0, 1, tzinfo=UTC)
PART = Reserved(scope="all", period="2026-01", slice=0, usd=Decimal("0.40"))
VEO, OMNI = a_plan(Decimal("0.40")), a_plan(Decimal("0.10"), model="omni")


def _submitted(job_id: str, at: datetime, plan: Plan, **fields: Any) -> Job:
    job = new_job(a_request(job_id=job_id, **fields), FIRST)
    return advance(job, ev.SubmitStarted(at=at, plan=plan, owner="w", nonce="n", reserved=(PART,)))


def _accepted(job: Job) -> Job:
    return advance(job, ev.SubmitAccepted(at=FIRST, nonce="n", operation="op"))


def _jobs() -> list[Job]:
    grow = {"project_id": "acme", "labels": {"team": "growth"}}
    return [
        _accepted(_submitted("accepted", FIRST, VEO, **grow)),
        _accepted(_submitted("omni", SECOND, OMNI, labels={"team": "sales"})),
        _submitted("sending", SECOND, VEO, **grow),
        advance(_submitted("lost", SECOND, VEO), ev.SubmitOutcomeUnknown(at=SECOND, nonce="n")),
        advance(_submitted("waits", SECOND, VEO), ev.SubmitWithdrawn(at=SECOND, nonce="n", cause=BUSY)),
        advance(_submitted("denied", SECOND, VEO), ev.SubmitDenied(at=SECOND, nonce="n", failure=NO)),
        _accepted(_submitted("free", SECOND, a_plan(Decimal(0), model="animatic"))),
        new_job(a_request(job_id="queued"), FIRST),
    ]


@pytest.fixture
def spent(shell: Shell) -> Callable[..., Any]:
    """The records in a store, and what the command says of them as JSON."""

    async def store(desk: PublisherContext) -> None:
        for job in _jobs():
            await desk.jobs.create(job)

    shell.with_desk(store)

    def ask(*options: str) -> Any:
        result = shell("spend", "--json", *options)
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    return ask


def _row(clips: int, charged: float, unknown: float, reserved: float) -> dict[str, float]:
    return {"clips": clips, "charged_usd": charged, "unknown_usd": unknown, "reserved_usd": reserved}


def test_charged_and_unknown_and_reserved_are_apart(spent: Callable[..., Any]) -> None:
    assert spent() == {
        "by": None,
        "since": None,
        "groups": [],
        "total": _row(2, 0.5, 0.8, 0.8),
        "evaluations": {"calls": 0, "cost_usd": 0, "unpriced_calls": 0},
    }


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        ("model", {"veo-3.1-fast": _row(1, 0.4, 0.8, 0.8), "omni": _row(1, 0.1, 0, 0)}),
        ("project", {"acme": _row(1, 0.4, 0.4, 0), None: _row(1, 0.1, 0.4, 0.8)}),
        ("day", {"2026-01-30": _row(1, 0.4, 0, 0), "2026-01-31": _row(1, 0.1, 0.8, 0.8)}),
        ("label:team", {"growth": _row(1, 0.4, 0.4, 0), None: _row(0, 0, 0.4, 0.8), "sales": _row(1, 0.1, 0, 0)}),
    ],
)
def test_by_what_one_asks_for(spent: Callable[..., Any], by: str, groups: dict[str | None, Any]) -> None:
    found = spent("--by", by)
    assert [(group.pop("key"), group) for group in found["groups"]] == list(groups.items())
    assert found["total"] == _row(2, 0.5, 0.8, 0.8)


def test_since_a_day(spent: Callable[..., Any]) -> None:
    found = spent("--since", "2026-01-31")
    assert (found["since"], found["total"]) == ("2026-01-31", _row(1, 0.1, 0.8, 0.8))


@pytest.mark.usefixtures("spent")
def test_for_people(shell: Shell) -> None:
    lines = [line.split() for line in shell("spend", "--by", "project").stdout.splitlines()]
    assert lines == [
        ["PROJECT", "CLIPS", "CHARGED", "UNKNOWN", "RESERVED"],
        ["acme", "1", "$0.400", "$0.400", "$0.000"],
        ["-", "1", "$0.100", "$0.400", "$0.800"],
        ["total", "2", "$0.500", "$0.800", "$0.800"],
    ]


def test_where_nothing_was_spent(shell: Shell) -> None:
    shell.queued("one")
    words = "no paid model was used. The local renderer is free."
    assert shell("spend").stdout == f"Nothing was spent in {shell.data_dir}: {words}\n"


@pytest.mark.parametrize("by", ["week", "label", "label:", "model:x"])
def test_by_something_else_is_refused(shell: Shell, by: str) -> None:
    result = shell("spend", "--by", by)
    assert result.exit_code == 2
    assert complaint(result) == (
        f"Error: Invalid request: by must be model, project, caller, day or label:KEY, not {by!r}"
    )


def test_every_page_counts_and_amounts_are_exact(shell: Shell) -> None:
    async def many(desk: PublisherContext) -> Spend:
        plan = a_plan(Decimal("0.1"))
        for number in range(PAGE_SIZE + 3):
            await desk.jobs.create(_accepted(_submitted(f"job-{number}", FIRST, plan)))
        return await spend(desk)

    assert shell.with_desk(many).total.charged_usd == Decimal("20.3")


def _evaluated(job: Job, usd: str | None, at: datetime) -> Job:
    price = None if usd is None else Decimal(usd)
    call = EvaluationCall(kind=EVALUATION, metric="gecko", at=at, outcome=ANSWERED, price_usd=price)
    return job.model_copy(update={"evaluations": (*job.evaluations, call)})


@pytest.mark.parametrize(
    ("prices", "since", "sums", "line"),
    [
        (["0.25", "0.05"], "2026-01-31", (2, 0.3, 0), "evaluations: 2 calls, $0.300"),
        ([None], "2026-01-31", (1, 0, 1), "evaluations: 1 call, price unknown"),
        ([None, "0.25"], "2026-01-30", (2, 0.25, 1), "evaluations: 2 calls, $0.250; price unknown of 1"),
        (["0.25"], "2026-02-01", (0, 0, 0), None),
    ],
)
def test_evaluations_are_a_line_of_their_own(
    shell: Shell, prices: list[str | None], since: str, sums: tuple[float, ...], line: str | None
) -> None:
    async def store(desk: PublisherContext) -> None:
        job = _submitted("free", FIRST, a_plan(Decimal(0), model="animatic"))
        for usd in prices:
            job = _evaluated(job, usd, SECOND)
        await desk.jobs.create(job)
        await desk.jobs.create(_accepted(_submitted("paid", SECOND, VEO)))

    shell.with_desk(store)
    for by in ("model", "label:team"):
        found = json.loads(shell("spend", "--json", "--by", by, "--since", since).stdout)
        assert tuple(found["evaluations"].values()) == sums
        assert found["total"]["charged_usd"] == (0.4 if line else 0)
    printed = shell("spend", "--since", since).stdout.splitlines()
    assert (printed[-1] if line else None) == line
    assert line is None or printed[-2].split() == ["total", "1", "$0.400", "$0.000", "$0.000"]
