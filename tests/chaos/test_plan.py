"""A seed gives one plan, with all that was asked for."""

from collections import Counter

from tests.chaos.orders import Door
from tests.chaos.plan import EMBEDDED, GOOGLE, ORDERS_WITHIN, What, plan_of
from tests.chaos.weather import Weather, is_charged
from tests.vertex.script import Step


def test_a_seed_gives_one_plan_and_another_seed_another() -> None:
    first, again, other = (plan_of(seed, jobs=50, kills=9, seconds=60, others=EMBEDDED) for seed in (1, 1, 2))
    assert first == again
    assert str(first) == str(again)
    assert first != other


def test_a_plan_has_every_job_every_kill_and_every_kind_of_trouble() -> None:
    plan = plan_of(3, jobs=300, kills=51, seconds=120, others=GOOGLE)
    kinds = Counter(trouble.what for trouble in plan.troubles)
    assert len({order.request.job_id for order in plan.orders}) == 300
    assert {order.door for order in plan.orders} == set(Door)
    assert kinds[What.KILL_WORKER] + kinds[What.KILL_FACADE] == 51
    assert kinds.keys() == {What.KILL_WORKER, What.KILL_FACADE, *GOOGLE}
    assert max(order.at_s for order in plan.orders) <= 120 * ORDERS_WITHIN
    assert all(0 <= trouble.at_s <= 120 for trouble in plan.troubles)


def test_a_plan_has_copies_cancels_and_callers_who_would_pay_twice() -> None:
    orders = plan_of(4, jobs=300, kills=3, seconds=60, others=EMBEDDED).orders
    assert any(at_s < order.at_s for order in orders for at_s in order.copies_at_s)
    assert any(at_s > order.at_s for order in orders for at_s in order.copies_at_s)
    assert any(order.cancel_at_s for order in orders)
    assert any(order.may_be_paid_twice for order in orders)
    assert {order.request.duration_seconds for order in orders} == set(range(1, 16))


def test_the_weather_knows_every_way_to_fail_until_it_is_fair() -> None:
    weather = Weather(5, longest_s=3)
    steps = [weather.next_step() for _ in range(2000)]
    assert {step.status for step in steps} == {200, 400, 429, 500, 503}
    assert {(step.drop, step.accepts) for step in steps if step.status == 200} >= {(True, True), (True, False)}
    assert {(step.hang, step.accepts) for step in steps if step.status == 200} >= {(True, True), (True, False)}
    assert {is_charged(step) for step in steps} == {True, False}
    weather.fair = True
    assert all(weather.next_step().model_copy(update={"seconds": 0}) == Step() for _ in range(200))
