"""An extension of Omni's names the interaction that it goes on from, whose limits are wider than those of a file."""

import pytest

from infra.media.probe import probe
from schemas.errors import Category, SubmitRefused
from schemas.ports import GenerationDone
from schemas.wire.request import VideoRequest
from tests.vertex.rig import OMNI, VEO, Rig, a_request
from tests.vertex.script import Step


async def _first(rig: Rig, request: VideoRequest) -> tuple[str, str]:
    operation = await rig.submit(request)
    answer = await rig.ended(operation)
    assert isinstance(answer, GenerationDone)
    return operation, answer.outputs[0]


async def test_omni_goes_on_from_an_interaction_of_more_than_ten_seconds(rig: Rig) -> None:
    request = a_request(model=OMNI, duration_seconds=16)
    operation, file = await _first(rig, request)
    answer = await rig.ended(await rig.submit(request, 1, file, previous=operation))
    assert isinstance(answer, GenerationDone)
    assert probe(rig.folder / answer.outputs[0]).duration_seconds == 16
    sent = rig.vertex.books.accepted[1].body
    assert sent["previous_interaction_id"] == operation.rpartition("/")[2]
    assert [part["type"] for part in sent["input"][0]["content"]] == ["text"]
    assert sent["generation_config"]["video_config"]["task"] == "extend"


async def test_omni_goes_on_from_a_file_if_nobody_knows_the_interaction(rig: Rig) -> None:
    request = a_request(model=OMNI, duration_seconds=16)
    _, file = await _first(rig, request)
    with pytest.raises(SubmitRefused, match="1 to 10 seconds"):  # Google's limit for a file
        await rig.submit(request, 1, file)
    assert "previous_interaction_id" not in rig.vertex.books.refused[0]


@pytest.mark.parametrize(
    "step",
    [
        Step(status=404, message="Interaction abc was not found."),
        Step(status=400, message="The previous_interaction_id is invalid or has expired."),
    ],
    ids=["404", "400"],
)
async def test_an_interaction_that_is_gone_is_replaced_by_its_file_and_paid_once(rig: Rig, step: Step) -> None:
    request = a_request(model=OMNI, duration_seconds=18)
    operation, file = await _first(rig, a_request(model=OMNI, duration_seconds=4))
    rig.vertex.then(step)
    answer = await rig.ended(await rig.submit(request, 1, file, previous=operation))
    assert isinstance(answer, GenerationDone)
    assert rig.vertex.books.posts == 3
    assert [("previous_interaction_id" in each.body) for each in rig.vertex.books.accepted] == [False, False]
    assert rig.model.plan(request).clips[0].model == OMNI  # the model is not to blame


async def test_an_interaction_and_a_file_that_are_gone_end_it(rig: Rig) -> None:
    request = a_request(model=OMNI, duration_seconds=18)
    operation, _ = await _first(rig, a_request(model=OMNI, duration_seconds=4))
    rig.vertex.then(Step(status=404, message="Interaction abc was not found."))
    with pytest.raises(SubmitRefused) as refusal:
        await rig.submit(request, 1, "work/Job_1/0/1/nothing.mp4", previous=operation)
    assert refusal.value.failure.category is Category.INVALID_REQUEST
    assert rig.vertex.books.posts == 3


async def test_veo_goes_on_from_the_file(rig: Rig) -> None:
    request = a_request(model=VEO, duration_seconds=12)
    operation, file = await _first(rig, request)
    await rig.submit(request, 1, file, previous=operation)
    assert rig.vertex.books.accepted[1].body["instances"][0]["video"]["gcsUri"].endswith(file)
