"""What an answer says, and what only stands in it: the caller's own words, and words that nobody knows yet."""

import pytest

from schemas.errors import Category, Charged, SubmitRefused
from schemas.ports import GenerationDone, GenerationFailed, GenerationRunning
from tests.vertex.rig import OMNI, VEO, Rig, a_request
from tests.vertex.script import Step

MODELS = (VEO, OMNI)
PROMPT = "A poster on a wall says: our safety policy, support codes: 15236754"


@pytest.mark.parametrize("model", MODELS)
async def test_an_extension_that_fails_says_why(rig: Rig, model: str) -> None:
    """Its stored interaction names the video that it goes on from: that one is no answer."""
    request = a_request(model=model, duration_seconds=16)
    operation = await rig.submit(request)
    first = await rig.ended(operation)
    assert isinstance(first, GenerationDone)
    rig.vertex.then(Step(ending="error", error={"code": 8, "message": "High load."}))
    answer = await rig.ended(await rig.submit(request, 1, *first.outputs, previous=operation))
    assert isinstance(answer, GenerationFailed)
    failure = answer.failure
    assert (failure.category, failure.retryable, failure.charged) == (Category.CAPACITY, True, Charged.NO)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "step",
    [
        Step(ending="error", error={"code": 13, "message": f"Failed on: {PROMPT}"}),
        Step(ending="error", error={"code": 13, "message": 'Failed on "our safety policy".'}),
        Step(ending="error", error={"code": 13, "message": "Internal error."}),
        Step(ending="nothing"),
    ],
    ids=["quoted", "quoted in part", "not quoted", "nothing said"],
)
async def test_the_prompt_decides_nothing_and_is_not_shown(rig: Rig, model: str, step: Step) -> None:
    rig.vertex.then(step)
    request = a_request(model=model, prompt=PROMPT, duration_seconds=4)
    answer = await rig.model.poll(await rig.submit(request), request=request)
    assert isinstance(answer, GenerationFailed)
    assert answer.failure.category is Category.UPSTREAM
    assert "polic" not in answer.failure.message


@pytest.mark.parametrize("model", MODELS)
async def test_a_refusal_that_quotes_the_prompt(rig: Rig, model: str) -> None:
    rig.vertex.then(Step(status=400, message=f"Invalid value at instances[0]: {PROMPT}"))
    with pytest.raises(SubmitRefused) as refusal:
        await rig.submit(a_request(model=model, prompt=PROMPT))
    assert refusal.value.failure.category is Category.INVALID_REQUEST
    assert "polic" not in refusal.value.failure.message


async def test_what_the_model_says_about_a_prompt_is_shown_without_it(rig: Rig) -> None:
    rig.vertex.then(Step(ending="said", message=f"I can't make this: {PROMPT}. Try other words."))
    answer = await rig.ended(await rig.submit(a_request(model=OMNI, prompt=PROMPT)))
    assert isinstance(answer, GenerationFailed)
    assert answer.failure.code == "stopped_early"
    assert answer.failure.message.endswith("I can't make this: …. Try other words.")


@pytest.mark.parametrize(
    "status", ["requires_continuation", "requires_action", "queued", "validating", "SOMETHING_NEW", ""]
)
async def test_a_status_that_is_no_end_is_running(rig: Rig, status: str) -> None:
    rig.vertex.then(Step(ending="status", message=status))
    operation = await rig.submit(a_request(model=OMNI))
    assert [await rig.model.poll(operation) for _ in range(3)] == [GenerationRunning()] * 3
