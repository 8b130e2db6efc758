"""`Retry-After` is obeyed, and a 503 that says that nothing was accepted is a refusal. Any other 503 stays a doubt."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from infra.gcp.vertex.failures import refusal_of
from infra.paid.transport import retry_after_s
from schemas.errors import Category, Charged, SubmitRefused, SubmitUnknown, Unavailable
from schemas.ports import GenerationRunning
from tests.unit.test_vertex_failures import body
from tests.vertex.rig import OMNI, VEO, Rig, a_request
from tests.vertex.script import Step

MODELS = (VEO, OMNI)
NOTHING = "The service is overloaded. The request was not accepted."


@pytest.mark.parametrize("model", MODELS)
async def test_a_503_that_says_that_nothing_was_accepted_is_a_refusal(rig: Rig, model: str) -> None:
    rig.vertex.then(Step(status=503, message=NOTHING, headers={"Retry-After": "37"}))
    with pytest.raises(SubmitRefused) as refused:
        await rig.submit(a_request(model=model))
    failure = refused.value.failure
    assert (failure.category, failure.code) == (Category.CAPACITY, "overloaded")
    assert (failure.retryable, failure.charged) == (True, Charged.NO)
    assert refused.value.retry_after_s == 37
    assert rig.vertex.books.posts == 1


@pytest.mark.parametrize(
    "step",
    [
        Step(status=503, message=NOTHING),
        Step(status=503, message="The service is unavailable.", headers={"Retry-After": "37"}),
        Step(status=503, message="It is not known whether it was accepted.", headers={"Retry-After": "37"}),
        Step(status=503, message="It may not have been processed.", headers={"Retry-After": "37"}, accept=True),
        Step(status=503, body="<html>nothing was accepted</html>", headers={"Retry-After": "37"}),
        Step(status=500, message=NOTHING, headers={"Retry-After": "37"}),
        Step(status=503, message=NOTHING, headers={"Retry-After": "later"}),
    ],
    ids=["no header", "no words", "not known", "accepted", "a page", "a 500", "no time"],
)
async def test_any_other_server_error_is_a_doubt(rig: Rig, step: Step) -> None:
    rig.vertex.then(step)
    with pytest.raises(SubmitUnknown):
        await rig.submit(a_request(model=VEO))
    assert rig.vertex.books.posts == 1


async def test_the_prompt_can_t_say_that_nothing_was_accepted(rig: Rig) -> None:
    prompt = "A letter on a desk that reads: your request was not accepted"
    rig.vertex.then(Step(status=503, message=f"Overloaded on: {prompt}", headers={"Retry-After": "5"}))
    with pytest.raises(SubmitUnknown):
        await rig.submit(a_request(model=VEO, prompt=prompt))


@pytest.mark.parametrize(
    "said",
    [
        "The request has not been processed.",
        "Nothing was accepted.",
        "No operation was created.",
        "It was rejected before it reached the model.",
    ],
)
def test_words_that_say_that_nothing_was_accepted(said: str) -> None:
    assert refusal_of(503, body(said), comes_again=True)


@pytest.mark.parametrize("said", ["Deadline exceeded.", "The request was not processed in time.", ""])
def test_words_that_do_not(said: str) -> None:
    assert refusal_of(503, body(said), comes_again=True) is None


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("status", [429, 503])
async def test_a_poll_is_asked_again_when_google_says(rig: Rig, model: str, status: int) -> None:
    rig.vertex.then(Step(poll_statuses=(status,), headers={"Retry-After": "41"}, ending="never"))
    operation = await rig.submit(a_request(model=model))
    with pytest.raises(Unavailable) as later:
        await rig.model.poll(operation)
    assert later.value.retry_after_s == 41
    assert await rig.model.poll(operation) == GenerationRunning()


@pytest.mark.parametrize("model", MODELS)
async def test_a_quota_names_its_time(rig: Rig, model: str) -> None:
    rig.vertex.then(Step(status=429, message="Quota exceeded", headers={"Retry-After": "86400"}))
    with pytest.raises(SubmitRefused) as refused:
        await rig.submit(a_request(model=model))
    assert refused.value.retry_after_s == 600


@pytest.mark.parametrize("said", ["", "soon", "-3", "1.5", "١٢", "Mon, 99 Foo"])
def test_what_is_no_time(said: str) -> None:
    assert retry_after_s({"retry-after": said}, at_most_s=600) is None


def test_a_date_is_read_by_the_server_s_clock() -> None:
    there = datetime(2031, 5, 1, 12, tzinfo=UTC)
    headers = {"retry-after": format_datetime(there + timedelta(seconds=90)), "date": format_datetime(there)}
    assert retry_after_s(headers, at_most_s=600) == 90
    assert retry_after_s(headers | {"retry-after": format_datetime(there - timedelta(days=1))}, at_most_s=600) == 0
    assert retry_after_s({"retry-after": headers["retry-after"]}, at_most_s=600) == 600
