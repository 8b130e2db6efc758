"""A model that Google has switched off: the next in line takes its place, as long as nothing can have been paid."""

import pytest

from schemas.errors import SubmitRefused
from schemas.ports import Finished
from tests.vertex.rig import OMNI, VEO_FAST, Rig, a_clip, a_request


async def test_a_retired_model_makes_room_for_the_next_in_line(rig: Rig) -> None:
    rig.vertex.studio.retired.add(OMNI)
    request = a_request(duration_seconds=4)
    with pytest.raises(SubmitRefused) as refusal:
        await rig.submit(request)
    assert (refusal.value.failure.code, refusal.value.failure.retryable) == ("model_retired", True)
    assert rig.model.plan(request).clips[0].model == VEO_FAST
    assert isinstance(await rig.ended(await rig.submit(request)), Finished)


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
    assert isinstance(first, Finished)
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
