"""The rules of a call: when it is sent again, when the job is looked for, and what ends it."""

import itertools
from pathlib import Path

import pytest

from reelbus_client.errors import ReelbusError, WaitTimeout, unreachable
from reelbus_client.flows import Flows
from reelbus_client.models import Charged, JobState
from reelbus_client.steps import Answer, Call, Flow, Patience, Pause, limit
from tests.python_client.script import Script, answer, failed, view

BOAT = {"prompt": "A paper boat on a city river"}
NAMED = {**BOAT, "job_id": "order-1"}
_places = itertools.count()


@pytest.fixture
def flows() -> Flows:
    return Flows(f"http://facade-{next(_places)}", 120.0)


def lost() -> ReelbusError:
    return unreachable("closed", video_id="order-1")


def test_a_lost_answer_is_followed_by_a_look_and_not_by_a_second_job(flows: Flows) -> None:
    script = Script(lost(), answer(200, view("order-1", "generating")), answer(200, view("order-1", "succeeded")))
    assert script.run(flows.generate(NAMED, None)).video_id == "order-1"
    assert script.said() == [
        "POST /api/videos/generate",
        "GET /api/videos/order-1",
        "GET /api/videos/order-1?wait=50",
    ]


def test_a_call_that_made_no_job_is_sent_again_with_the_same_id(flows: Flows) -> None:
    done = {**view("order-1", "succeeded"), "success": True, "generation_time": "2026-01-31T12:00:00Z"}
    script = Script(lost(), lost(), answer(404, failed("not_found", "not_found")), answer(200, done))
    assert script.run(flows.generate(BOAT, None)).gcs_path == "generated-videos/boat.mp4"
    first, second = script.bodies()
    assert first == second
    assert script.calls[0].headers == {"prefer": "reattach"}
    assert len(script.pauses) == 2


def test_a_facade_that_refuses_the_first_connection_is_reported_at_once(flows: Flows) -> None:
    with pytest.raises(ReelbusError, match="refused") as caught:
        Script(unreachable("refused", sent=False)).run(flows.generate(BOAT, None))
    assert (caught.value.video_id, caught.value.charged, caught.value.status) == (None, Charged.NO, None)


def test_a_503_without_a_job_is_sent_again_when_the_server_says(flows: Flows) -> None:
    busy = answer(503, failed("capacity", "too_many_requests"), retry_after="7")
    script = Script(busy, answer(202, view("order-1", "queued")))
    assert script.run(flows.submit(NAMED, None)).state is JobState.QUEUED
    assert script.pauses == [7.0]
    assert script.calls[0].headers == {"prefer": "respond-async"}


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, failed("invalid_request", "invalid_request", error={"field": "seed"}), "invalid_request"),
        (403, failed("budget", "over_max_cost"), "over_max_cost"),
        (409, failed("conflict", "conflict"), "conflict"),
        (418, "no JSON", "unexpected_answer"),
    ],
)
def test_an_answer_that_refuses_ends_the_call(flows: Flows, status: int, body: str, code: str) -> None:
    with pytest.raises(ReelbusError) as caught:
        Script(answer(status, body, retry_after="9")).run(flows.generate(BOAT, None))
    error = caught.value
    assert (error.status, error.code, error.video_id, error.retry_after_s) == (status, code, None, 9.0)


def test_a_job_that_failed_raises_its_failure_with_what_it_cost(flows: Flows) -> None:
    reason = failed("safety_filter", "blocked")["error"]
    ended = view("order-1", "failed", error=reason, charged="yes")
    with pytest.raises(ReelbusError, match="it is blocked") as caught:
        Script(answer(200, ended)).run(flows.wait("order-1"))
    assert (caught.value.status, caught.value.charged, caught.value.video_id) == (422, Charged.YES, "order-1")


def test_a_submit_of_a_job_that_has_failed_returns_it(flows: Flows) -> None:
    body = failed("safety_filter", "blocked", video_id="order-1")
    script = Script(answer(422, body), answer(200, view("order-1", "failed", error=body["error"])))
    assert script.run(flows.submit(NAMED, None)).state is JobState.FAILED


def test_an_answer_that_came_by_a_look_is_noted_by_the_facade(flows: Flows) -> None:
    """Without it the next identical call within half an hour would get the same video."""
    flow = flows.generate(BOAT, None)
    call = next(flow)
    assert isinstance(call, Call)
    job_id = call.video_id or ""
    timeout = answer(504, failed("timeout", "wait_over", video_id=job_id), retry_after="0")
    steps = [flow.send(timeout)]
    steps.append(flow.send(answer(200, view(job_id, "generating"))))
    steps.append(flow.send(answer(200, view(job_id, "succeeded"))))
    with pytest.raises(StopIteration) as end:
        flow.send(answer(500, "it does not matter"))
    assert end.value.value.video_id == job_id
    assert [step.path for step in steps if isinstance(step, Call)] == [
        f"/api/videos/{job_id}",
        f"/api/videos/{job_id}?wait=50",
        "/api/videos/generate",
    ]


def test_a_facade_that_lets_no_caller_wait_so_long_is_asked_for_less(flows: Flows) -> None:
    too_long = answer(400, failed("invalid_request", "invalid_request", error={"field": "wait"}))
    script = Script(too_long, *[too_long] * 5, answer(200, view("a", "queued")), answer(200, view("a", "succeeded")))
    script.run(flows.wait("a"))
    assert script.said()[-3:] == ["GET /api/videos/a?wait=1", "GET /api/videos/a", "GET /api/videos/a"]
    assert script.pauses == [1.0]


def test_a_wait_ends_if_the_facade_is_away_for_too_long() -> None:
    impatient = Flows("http://impatient", -1.0)
    with pytest.raises(ReelbusError, match="closed") as caught:
        Script(lost()).run(impatient.wait("order-1"))
    assert caught.value.code == "unreachable"


def test_a_limit_ends_the_wait_with_the_job_and_the_same_call_gets_it(flows: Flows) -> None:
    with pytest.raises(WaitTimeout) as caught:
        Script().run(limit(flows.generate(BOAT, None), 0))
    again = Script(answer(202, view("order-1", "queued")))
    again.run(flows.submit(BOAT, None))
    assert [body["job_id"] for body in again.bodies()] == [caught.value.video_id]


def test_a_limit_shortens_each_step() -> None:
    def flow() -> Flow[str]:
        yield Call("GET", "/", timeout_s=600)
        yield Pause(600)
        return "end"

    limited = limit(flow(), 10)
    call = next(limited)
    assert isinstance(call, Call)
    assert 0 < call.timeout_s <= 10
    pause = limited.send(Answer())
    assert isinstance(pause, Pause)
    assert 0 < pause.seconds <= 10


def test_an_error_after_the_limit_is_the_limit() -> None:
    def flow() -> Flow[None]:
        yield Call("GET", "/")

    limited = limit(flow(), 1e-9)
    with pytest.raises(WaitTimeout):
        Script(unreachable("no answer in time")).run(limited)


def test_pauses_grow_and_are_short_again_after_an_answer() -> None:
    patience = Patience(100.0)
    found = [patience.pause(lost()).seconds for _ in range(8)]
    assert all(0.125 <= found[0] <= 0.25 and 2.5 <= each <= 5 for each in found[6:])
    patience.reset()
    assert patience.pause(lost()).seconds <= 0.25


def test_an_address_that_has_expired_is_asked_for_again(flows: Flows, tmp_path: Path) -> None:
    ended = answer(200, view("a", "succeeded"))
    script = Script(ended, answer(403, failed("auth", "link_expired")), ended, answer(200))
    assert script.run(flows.download("a", tmp_path / "a.mp4")) == tmp_path / "a.mp4"
    assert [bool(call.save_to) for call in script.calls] == [False, True, False, True]


def test_what_a_replay_would_pay_is_in_the_error(flows: Flows) -> None:
    due = failed("budget", "payment_due", price_usd=0.8, payments=[{"clip": 0}])
    script = Script(answer(402, due))
    with pytest.raises(ReelbusError) as caught:
        script.run(flows.replay("a", None, None))
    assert caught.value.payment == {"price_usd": 0.8, "payments": [{"clip": 0}]}
    assert list(script.bodies()) == [{}]


def test_a_batch_without_an_answer_is_sent_again(flows: Flows) -> None:
    batch = {"batch_id": "b", "ended": False, "states": {}, "price_usd": 0, "cost_usd": 0, "videos": []}
    script = Script(unreachable("closed"), answer(503, failed("capacity", "busy")), answer(202, batch))
    assert script.run(flows.order_batch({"requests": [BOAT], "batch_id": None})).batch_id == "b"
    assert list(script.bodies()) == [{"requests": [BOAT]}] * 3
    with pytest.raises(ReelbusError):
        Script(unreachable("refused", sent=False)).run(flows.order_batch({"requests": [BOAT]}))
    ended = Script(lost(), answer(200, batch), answer(200, {**batch, "ended": True}))
    assert ended.run(flows.wait_for_batch("b")).ended
    assert ended.pauses[1:] == [2.0]


def test_filters_that_are_none_are_not_sent(flows: Flows) -> None:
    script = Script(answer(200, {"videos": [], "next_cursor": None}))
    assert script.run(flows.list({"q": "a b", "state": None, "limit": 3})).videos == []
    assert script.said() == ["GET /api/videos?q=a+b&limit=3"]


@pytest.mark.parametrize("video_id", ["", "a/b", "x" * 65, "a\n"])
def test_an_id_that_is_none_is_not_sent(flows: Flows, video_id: str) -> None:
    with pytest.raises(ReelbusError, match="video_id must have 1 to 64"):
        Script().run(flows.status(video_id))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, None), ("", None), ("30", 30.0), ("soon", None), ("Sat, 31 Jan 2026 00:00:00 GMT", 0.0)],
)
def test_retry_after_is_read(header: str | None, seconds: float | None) -> None:
    assert Answer(503, retry_after=header).retry_after_s == seconds
