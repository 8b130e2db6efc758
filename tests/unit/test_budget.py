"""Limits and their slices: however prices are taken, a limit is used up to the last cent and never beyond."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.domain import events as ev
from schemas.domain.budget import (
    SLICES_AT_MOST,
    BudgetShard,
    Limit,
    Period,
    Reservation,
    Reserved,
    budget_exceeded,
    release,
    reserve_across_shards,
    reserve_in_shard,
)
from schemas.domain.job import Job
from schemas.domain.state_machine import advance
from schemas.domain.states import ClipState, JobState
from schemas.errors import Category, Charged
from schemas.wire.validation import to_invalid
from subscriber.settings import WorkerSettings
from tests.unit.makers import (
    AT,
    NO,
    PRICE,
    a_job,
    a_plan,
    a_request,
    accepted,
    after,
    done,
    judged,
    late,
    lost,
    played,
    replayed,
    started,
    withdrawn,
)

EMPTY = [BudgetShard(name=str(index)) for index in range(SLICES_AT_MOST)]
PART = Reserved(scope="all", period="2026-01-31", slice=2, usd=PRICE)


def a_limit(**fields: Any) -> Limit:
    return Limit.model_validate({"scope": "all", "period": "day", "limit_usd": "10", **fields})


def taken(limit: Limit, slices: list[BudgetShard], amount: Decimal, start: int = 0) -> Reservation | Decimal:
    """As a worker takes it: from one slice where that will do, else from all; `slices` become what is stored."""
    slip = reserve_in_shard(limit, AT, start, slices[start], amount) or reserve_across_shards(
        limit, AT, start, slices, amount
    )
    for each in slip.slices if isinstance(slip, Reservation) else ():
        index = next(index for index, known in enumerate(slices) if known.name == each.name)
        slices[index] = BudgetShard(
            name=each.name, terms=each.terms, allotted=each.allotted, used=each.used, revision=each.revision + "+"
        )
    return slip


def used(slices: list[BudgetShard]) -> Decimal:
    return sum((each.used for each in slices), Decimal(0))


def test_the_first_who_takes_cuts_the_limit_into_its_slices() -> None:
    slices = list(EMPTY)
    taken(a_limit(limit_usd="10", slices=3), slices, PRICE, start=1)
    assert [each.used for each in slices[:4]] == [0, PRICE, 0, 0]
    assert sum(each.allotted for each in slices) == 10
    assert [bool(each.revision) for each in slices[:4]] == [True, True, True, False]


def test_afterwards_a_price_that_fits_touches_one_slice() -> None:
    slices = list(EMPTY)
    taken(a_limit(), slices, PRICE)
    slip = taken(a_limit(), slices, PRICE, start=5)
    assert isinstance(slip, Reservation)
    assert [each.name for each in slip.slices] == ["5"]
    assert slip.reserved == (Reserved(scope="all", period="2026-01-31", slice=5, usd=PRICE),)


def test_a_price_larger_than_every_room_spans_several() -> None:
    slices = list(EMPTY)
    slip = taken(a_limit(), slices, Decimal(3), start=7)
    assert isinstance(slip, Reservation)
    assert [(part.slice, part.usd) for part in slip.reserved] == [
        (7, Decimal("1.25")),
        (0, Decimal("1.25")),
        (1, Decimal("0.5")),
    ]


def test_a_limit_is_used_up_to_the_last_cent_and_not_beyond() -> None:
    slices = list(EMPTY)
    slips = [taken(a_limit(), slices, PRICE, start=index % 8) for index in range(25)]
    assert all(isinstance(slip, Reservation) for slip in slips)
    assert used(slices) == 10
    assert taken(a_limit(), slices, Decimal("0.01")) == 0


def test_what_is_given_back_can_be_taken_again() -> None:
    slices = list(EMPTY)
    taken(a_limit(), slices, Decimal(10))
    slices[3] = release(slices[3], PRICE)
    assert isinstance(taken(a_limit(), slices, PRICE), Reservation)
    assert used(slices) == 10


@pytest.mark.parametrize(("now", "room"), [("12", "3"), ("5", "0"), ("9", "0"), ("9.5", "0.5")])
def test_another_limit_in_the_middle_of_its_period_counts_what_was_used(now: str, room: str) -> None:
    slices = list(EMPTY)
    taken(a_limit(), slices, Decimal(9))
    assert taken(a_limit(limit_usd=now), slices, Decimal(1000)) == Decimal(room)


@pytest.mark.parametrize("count", [1, 3, 16])
def test_another_number_of_slices_frees_nothing(count: int) -> None:
    slices = list(EMPTY)
    taken(a_limit(), slices, Decimal(9))
    other = a_limit(slices=count)
    assert isinstance(taken(other, slices, Decimal("0.75")), Reservation)
    assert taken(other, slices, PRICE) == Decimal("0.25")
    assert isinstance(taken(a_limit(), slices, Decimal("0.25")), Reservation)
    assert used(slices) == 10


amounts = st.decimals(min_value="0.01", max_value="5", places=3)
limits = st.builds(
    lambda usd, count: a_limit(limit_usd=usd, slices=count), amounts.map(lambda a: a * 4), st.integers(1, 16)
)


@given(limits, st.lists(st.tuples(amounts, st.integers(0, 15), st.none() | limits, st.booleans()), max_size=30))
def test_no_order_of_takers_and_limits_overspends(limit: Limit, steps: Any) -> None:
    slices, held = list(EMPTY), list[Reserved]()
    for amount, start, other, back in steps:
        limit, before = other or limit, used(slices)
        if back and held:
            part = held.pop()
            slices[part.slice] = release(slices[part.slice], part.usd)
            continue
        slip = taken(limit, slices, amount, start % limit.slices)
        if isinstance(slip, Reservation):
            held.extend(slip.reserved)
            assert sum(part.usd for part in slip.reserved) == amount
            assert used(slices) == before + amount <= limit.limit_usd
        else:
            assert slip == max(limit.limit_usd - before, Decimal(0)) < amount
        assert all(each.used <= each.allotted for each in slices)
        assert used(slices) == sum((part.usd for part in held), Decimal(0))


@pytest.mark.parametrize(
    ("scope", "fields", "covered"),
    [
        ("all", {}, True),
        ("project:acme", {"project_id": "acme"}, True),
        ("project:acme", {"project_id": "acme2"}, False),
        ("project:acme", {}, False),
        ("project:a:b=c", {"project_id": "a:b=c"}, True),
        ("label:team=growth", {"labels": {"team": "growth"}}, True),
        ("label:team=growth", {"labels": {"team": "sales"}}, False),
        ("label:team=", {"labels": {"team": ""}}, True),
        ("label:team=", {}, False),
    ],
)
def test_whom_a_limit_covers(scope: str, fields: dict[str, Any], covered: bool) -> None:
    assert a_limit(scope=scope).covers(a_request(**fields)) is covered


def test_periods_are_of_utc() -> None:
    at = datetime.fromisoformat("2026-12-31T23:30:00-02:00")
    assert (a_limit().period_at(at), a_limit(period="month").period_at(at)) == ("2027-01-01", "2027-01")
    late = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)
    assert a_limit().opens_again(late) == a_limit(period="month").opens_again(late) == datetime(2027, 1, 1, tzinfo=UTC)


def test_a_clip_that_holds_its_price_already_takes_nothing_in_the_same_period() -> None:
    limit = a_limit()
    assert limit.amount_to_reserve(PRICE, (PART,), AT) == 0
    assert limit.amount_to_reserve(Decimal(1), (PART,), AT) == Decimal("0.6")
    assert limit.amount_to_reserve(PRICE, (PART,), after(86_400)) == PRICE
    assert a_limit(scope="project:acme").amount_to_reserve(PRICE, (PART,), AT) == PRICE
    assert a_limit(period=Period.MONTH).amount_to_reserve(PRICE, (PART,), AT) == PRICE


def test_the_refusal_says_which_limit_what_is_left_and_when_it_opens() -> None:
    failure = budget_exceeded(a_limit(scope="project:acme", limit_usd="50"), AT, Decimal("0.250"), Decimal("0.4125"))
    assert (failure.category, failure.code, failure.charged) == (Category.BUDGET, "budget_exceeded", Charged.NO)
    assert failure.message == (
        "The budget of $50.00 a day for project acme has $0.25 left for 2026-01-31, and the next clip needs $0.4125; "
        "it opens again at 2026-02-01 00:00 UTC. The clip was not sent."
    )


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("five", "must be a JSON list of limits, for example "),
        ("{}", "must be a JSON list of limits, for example "),
        ('[{"scope": "all", "period": "week", "limit_usd": 5}]', "budgets.0.period must be 'day' or 'month'"),
        (
            '[{"scope": "team:a", "period": "day", "limit_usd": 5}]',
            "budgets.0.scope must be all, project:ID or label:KEY=VALUE",
        ),
        ('[{"scope": "all", "period": "day", "limit_usd": -1}]', "budgets.0.limit_usd must be at least 0"),
        ('[{"scope": "all", "period": "day"}]', "budgets.0.limit_usd is required"),
        ('[{"scope": "all", "period": "day", "limit_usd": 5, "slices": 0}]', "budgets.0.slices must be at least 1"),
        ('[{"scope": "all", "period": "day", "limit_usd": 5, "cap": 1}]', "budgets.0.cap is not a known key"),
        (
            '[{"scope": "all", "period": "day", "limit_usd": 5}, {"scope": "all", "period": "day", "limit_usd": 6}]',
            "must have one limit a day for all, not two",
        ),
    ],
)
def test_a_wrong_setting_is_named(setting: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELBUS_BUDGETS", setting)
    with pytest.raises(ValidationError) as error:
        WorkerSettings()
    assert words in str(to_invalid(error.value))


def test_amounts_in_the_setting_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELBUS_BUDGETS", '[{"scope": "all", "period": "day", "limit_usd": 0.1}]')
    (limit,) = WorkerSettings().budgets
    assert (limit.limit_usd, limit.slices) == (Decimal("0.1"), 8)


def _sent(job: Job | None = None, nonce: str = "n1") -> Job:
    job = job or a_job()
    taking = ev.SubmitStarted(at=after(1), plan=a_plan(), owner="w", nonce=nonce, reserved=(PART,))
    return advance(job, taking)


def test_a_withdrawn_clip_keeps_what_it_took_for_the_next_attempt() -> None:
    job = played(withdrawn(), job=_sent())
    assert job.clips[0].unused_reservations == (PART,)
    again = played(started(nonce="n2"), job=job)
    assert (again.clips[0].reserved, again.clips[0].unused_reservations) == ((PART,), ())


def test_a_resubmit_takes_again_since_the_lost_one_may_have_been_charged() -> None:
    job = played(lost(), ev.Resubmit(at=after(3), clip=0), job=_sent())
    assert job.clips[0].reserved == ()
    assert job.clips[0].unresolved_submits == 1


def test_an_ended_job_gives_back_what_it_did_not_spend_and_nothing_else() -> None:
    denied = played(ev.SubmitDenied(at=after(2), nonce="n1", failure=NO), job=_sent())
    assert denied.unused_reservations == (PART,)
    returned = advance(denied, ev.ReservationsReturned(at=after(3)))
    assert (returned.unused_reservations, returned.state, returned.next_check_at) == (
        (),
        JobState.FAILED,
        denied.next_check_at,
    )
    assert advance(returned, ev.ReservationsReturned(at=after(4))) is returned
    for kept in (played(accepted(), job=_sent()), played(lost(), judged(), job=_sent())):
        assert kept.unused_reservations == ()
        assert kept.clips[0].reserved == (PART,)


def test_a_replay_takes_anew_for_a_clip_that_was_charged_in_vain() -> None:
    charged = NO.model_copy(update={"charged": Charged.YES})
    broke = played(accepted(), ev.ClipFailed(at=after(60), clip=0, failure=charged), job=_sent())
    again = played(replayed(), job=broke)
    assert (again.clips[0].state, again.clips[0].reserved) == (ClipState.PLANNED, ())


def test_doubts_are_counted_once() -> None:
    assert played(started()).clips[0].unresolved_submits == 1
    assert played(started(), accepted(), done()).clips[0].unresolved_submits == 0
    resubmitted = played(started(), lost(), ev.Resubmit(at=after(3), clip=0), started(nonce="n2"), lost("n2"))
    assert resubmitted.clips[0].unresolved_submits == 2
    ended = played(judged(), late("work/job-1/0/1/clip.mp4"), job=resubmitted)
    assert (ended.clips[0].state, ended.clips[0].unresolved_submits, ended.clips[0].charges) == (ClipState.LATE, 1, 1)
