"""A model that Google has switched off: the next in line takes its place, as long as nothing can have been paid."""

import pytest

from schemas.errors import Category, Charged, SubmitRefused
from schemas.ports import GenerationDone
from tests.vertex.rig import OMNI, VEO, VEO_FAST, Rig, a_clip, a_request, adapter
from tests.vertex.script import Step

GONE = [
    (404, "Publisher Model `publishers/google/models/m` is no longer available."),
    (404, "Publisher Model `publishers/google/models/m` was not found or your project does not have access to it."),
    (404, "models/m is not found for API version v1beta."),
    (403, "Permission 'aiplatform.endpoints.predict' denied on resource '//x/models/m' (or it may not exist)."),
    (403, "The model m has been shut down."),
    (400, "Project `12345` is not allowed to use Publisher Model `projects/p/models/m`"),
    (400, "Publisher Model `publishers/google/models/m` is not supported."),
]
"""In how many ways Google says that a model is retired, gated or absent."""
NOT_GONE = [
    (403, "Permission 'storage.objects.get' denied on resource (or it may not exist).", Category.AUTH),
    (403, "Vertex AI API has not been used in project 12345 before or it is disabled.", Category.AUTH),
    (400, "The parameter fps is no longer supported.", Category.INVALID_REQUEST),
    (404, "gs://films/frame.png was not found.", Category.INVALID_REQUEST),
]


async def test_a_retired_model_makes_room_for_the_next_in_line(rig: Rig) -> None:
    rig.vertex.studio.retired.add(OMNI)
    request = a_request(duration_seconds=4)
    with pytest.raises(SubmitRefused) as refusal:
        await rig.submit(request)
    assert (refusal.value.failure.code, refusal.value.failure.retryable) == ("model_retired", True)
    assert rig.model.plan(request).clips[0].model == VEO_FAST
    assert isinstance(await rig.ended(await rig.submit(request)), GenerationDone)


@pytest.mark.parametrize(
    "fields", [{"model": OMNI}, {"max_cost_usd": "0.39"}], ids=["only-that-model", "the-other-is-too-dear"]
)
async def test_a_retired_model_without_an_alternative(rig: Rig, fields: dict[str, str]) -> None:
    rig.vertex.studio.retired.add(OMNI)
    request = a_request(duration_seconds=3, **fields)
    with pytest.raises(SubmitRefused, match="switched this model off") as refusal:
        await rig.submit(request)
    assert not refusal.value.failure.retryable


async def test_a_retired_model_in_the_middle_of_a_plan(rig: Rig) -> None:
    request = a_request(model=None, quality="fast", duration_seconds=20)
    first = await rig.ended(await rig.submit(request))
    assert isinstance(first, GenerationDone)
    rig.vertex.studio.retired.add(OMNI)
    with pytest.raises(SubmitRefused) as refusal:
        await rig.submit(request, 1, *first.outputs)
    assert not refusal.value.failure.retryable


async def test_a_retired_model_after_an_unknown_submit(rig: Rig) -> None:
    """The frozen plan stays: what was sent before may have been paid."""
    rig.vertex.studio.retired.add(OMNI)
    request = a_request(duration_seconds=4)
    clip = a_clip(rig.model.plan(request).clips[0], lost_prefixes=("work/Job_1/0/0/",))
    with pytest.raises(SubmitRefused) as refusal:
        await rig.model.submit(request, clip, (), send_before=1e9)
    assert not refusal.value.failure.retryable


@pytest.mark.parametrize(("status", "said"), GONE)
async def test_every_way_of_saying_so_leads_to_the_next_model(rig: Rig, status: int, said: str) -> None:
    rig.vertex.then(Step(status=status, message=said))
    request = a_request(duration_seconds=4)
    with pytest.raises(SubmitRefused) as refusal:
        await rig.submit(request)
    failure = refusal.value.failure
    assert (failure.category, failure.retryable, failure.charged) == (Category.UPSTREAM, True, Charged.NO)
    plan = rig.model.plan(request)
    assert plan.clips[0].model == VEO_FAST
    assert plan.fallback
    assert (plan.fallback.field, "instead of" in plan.fallback.message) == (OMNI, True)
    await rig.submit(request)


@pytest.mark.parametrize(("status", "said"), GONE)
async def test_without_another_model_nobody_blames_the_caller(rig: Rig, status: int, said: str) -> None:
    rig.vertex.then(Step(status=status, message=said))
    with pytest.raises(SubmitRefused) as refusal:
        await rig.submit(a_request(quality="quality", generate_audio=False, duration_seconds=4))
    failure = refusal.value.failure
    assert (failure.category, failure.retryable) == (Category.UPSTREAM, False)
    assert f"generate_audio can't be false for {OMNI}" in failure.message


@pytest.mark.parametrize(("status", "said", "category"), NOT_GONE)
async def test_what_is_not_about_the_model_keeps_it_in_line(
    rig: Rig, status: int, said: str, category: Category
) -> None:
    rig.vertex.then(Step(status=status, message=said))
    request = a_request(duration_seconds=4)
    with pytest.raises(SubmitRefused) as refusal:
        await rig.submit(request)
    assert (refusal.value.failure.category, refusal.value.failure.retryable) == (category, False)
    assert rig.model.plan(request).clips[0].model == OMNI


async def test_a_prompt_can_t_say_that_a_model_is_gone(rig: Rig) -> None:
    prompt = "A sign that reads: the model is no longer available"
    rig.vertex.then(Step(status=400, message=f"Invalid value: {prompt}"))
    with pytest.raises(SubmitRefused) as refusal:
        await rig.submit(a_request(prompt=prompt))
    assert refusal.value.failure.category is Category.INVALID_REQUEST


async def test_after_an_hour_the_model_is_asked_again(rig: Rig) -> None:
    now = [0.0]
    own = adapter(rig.vertex.url, rig.videos, boot=lambda: now[0])
    rig.vertex.then(Step(status=404))
    request = a_request(duration_seconds=4)
    with pytest.raises(SubmitRefused):
        await own.submit(request, a_clip(own.plan(request).clips[0]), (), send_before=60)
    assert own.plan(request).clips[0].model == VEO_FAST
    now[0] = 3601.0
    plan = own.plan(request)
    assert (plan.clips[0].model, plan.fallback) == (OMNI, None)
    await own.submit(request, a_clip(plan.clips[0]), (), send_before=4000)
    await own.aclose()


async def test_a_model_that_nothing_can_replace_is_asked_again_for_the_next_job(rig: Rig) -> None:
    rig.vertex.studio.retired.add(VEO)
    request = a_request(quality="quality", generate_audio=False, duration_seconds=4)
    for _ in range(2):
        with pytest.raises(SubmitRefused, match="No other model takes its place: generate_audio"):
            await rig.submit(request)
    rig.vertex.studio.retired.clear()
    assert await rig.submit(request)
