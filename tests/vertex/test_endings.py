"""How an accepted operation ends, family by family: each documented shape over the wire, and what the job is told."""

import pytest

from schemas.errors import Category, Charged, Failure, SubmitUnknown, Unavailable
from schemas.ports import Foreign, GenerationDone, GenerationFailed, GenerationRunning, Missing
from tests.vertex.rig import OMNI, VEO, Rig, a_request
from tests.vertex.script import Step

MODELS = (VEO, OMNI)
INPUT_IMAGE = {
    "code": 3,
    "message": "Veo could not generate videos because the input image violates Vertex AI's usage guidelines. "
    "Support codes: 15236754",
}


async def _broke(rig: Rig, model: str, step: Step) -> Failure:
    rig.vertex.then(step)
    answer = await rig.ended(await rig.submit(a_request(model=model, duration_seconds=4)))
    assert isinstance(answer, GenerationFailed), answer
    return answer.failure


def _facts(failure: Failure) -> tuple[Category, str, bool, Charged]:
    return failure.category, failure.code, failure.retryable, failure.charged


@pytest.mark.parametrize("model", MODELS)
async def test_an_input_that_is_not_safe(rig: Rig, model: str) -> None:
    failure = await _broke(rig, model, Step(ending="error", error=INPUT_IMAGE))
    assert _facts(failure) == (Category.SAFETY_FILTER, "safety_filter", False, Charged.NO)
    assert "a celebrity" in failure.message


@pytest.mark.parametrize("model", MODELS)
async def test_an_argument_that_is_refused_late(rig: Rig, model: str) -> None:
    failure = await _broke(rig, model, Step(ending="error", error={"code": 3, "message": "The video is too short"}))
    assert _facts(failure) == (Category.INVALID_REQUEST, "invalid_argument", False, Charged.NO)
    assert failure.message.endswith("The video is too short.")


@pytest.mark.parametrize("model", MODELS)
async def test_no_capacity(rig: Rig, model: str) -> None:
    failure = await _broke(rig, model, Step(ending="error", error={"code": 8, "message": "High load."}))
    assert _facts(failure) == (Category.CAPACITY, "capacity", True, Charged.NO)


@pytest.mark.parametrize("code", [13, 14])
@pytest.mark.parametrize("model", MODELS)
async def test_an_internal_error(rig: Rig, model: str, code: int) -> None:
    failure = await _broke(rig, model, Step(ending="error", error={"code": code, "message": "Internal error."}))
    assert _facts(failure) == (Category.UPSTREAM, "model_failed", True, Charged.UNKNOWN)


@pytest.mark.parametrize("model", MODELS)
async def test_a_film_that_was_filtered(rig: Rig, model: str) -> None:
    failure = await _broke(rig, model, Step(ending="filtered"))
    assert failure.category is Category.SAFETY_FILTER
    assert "a celebrity" in failure.message


async def test_a_sound_that_was_filtered_is_not_charged(rig: Rig) -> None:
    failure = await _broke(rig, VEO, Step(ending="audio_filtered"))
    assert _facts(failure) == (Category.SAFETY_FILTER, "safety_filter", False, Charged.NO)


@pytest.mark.parametrize("model", MODELS)
async def test_fewer_films_than_asked_for_are_kept(rig: Rig, model: str) -> None:
    rig.vertex.then(Step(ending="fewer"))
    answer = await rig.ended(await rig.submit(a_request(model=model, duration_seconds=4)))
    assert isinstance(answer, GenerationDone)
    assert len(answer.outputs) == 1


@pytest.mark.parametrize("model", MODELS)
async def test_a_film_inside_the_answer_is_kept(rig: Rig, model: str) -> None:
    rig.vertex.then(Step(ending="inline"))
    answer = await rig.ended(await rig.submit(a_request(model=model, duration_seconds=4)))
    assert isinstance(answer, GenerationDone), answer
    assert [film[4:8] for film in answer.films] == [b"ftyp"]


@pytest.mark.parametrize("model", MODELS)
async def test_done_with_nothing(rig: Rig, model: str) -> None:
    failure = await _broke(rig, model, Step(ending="nothing"))
    assert _facts(failure) == (Category.UPSTREAM, "no_video", True, Charged.UNKNOWN)


async def test_stopped_early(rig: Rig) -> None:
    failure = await _broke(rig, OMNI, Step(ending="stopped"))
    assert _facts(failure) == (Category.UPSTREAM, "stopped_early", True, Charged.UNKNOWN)
    assert "budget exceeded" in failure.message


@pytest.mark.parametrize("model", MODELS)
async def test_never_done_is_running_for_ever(rig: Rig, model: str) -> None:
    rig.vertex.then(Step(ending="never"))
    operation = await rig.submit(a_request(model=model))
    assert [await rig.model.poll(operation) for _ in range(3)] == [GenerationRunning()] * 3


@pytest.mark.parametrize("model", MODELS)
async def test_a_poll_that_is_answered_404(rig: Rig, model: str) -> None:
    rig.vertex.then(Step(ending="gone"))
    operation = await rig.submit(a_request(model=model))
    assert [await rig.model.poll(operation) for _ in range(2)] == [Missing()] * 2


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("status", [403, 408, 429, 500, 503])
async def test_a_poll_that_fails_is_asked_again_later(rig: Rig, model: str, status: int) -> None:
    rig.vertex.then(Step(poll_statuses=(status,)))
    operation = await rig.submit(a_request(model=model, duration_seconds=4))
    with pytest.raises(Unavailable, match=str(status)):
        await rig.model.poll(operation)
    assert isinstance(await rig.ended(operation), GenerationDone)
    assert rig.vertex.books.polls == 2


async def test_a_poll_where_nobody_listens(rig: Rig) -> None:
    operation = await rig.submit(a_request())
    other = rig.another("http://127.0.0.1:9")
    with pytest.raises(Unavailable, match="can't be reached"):
        await other.poll(operation)
    await other.aclose()


async def test_a_name_that_is_none_of_ours(rig: Rig) -> None:
    for name in ("", "veo:", "work/job-1/0/1/operation.json", "omni:projects/p"):
        assert await rig.model.poll(name) == Foreign()


@pytest.mark.parametrize("model", MODELS)
async def test_what_was_accepted_and_not_told_is_found(rig: Rig, model: str) -> None:
    rig.vertex.then(Step(drop=True, accept=True))
    with pytest.raises(SubmitUnknown):
        await rig.submit(a_request(model=model, duration_seconds=4))
    await next(iter(rig.vertex.studio.jobs.values())).making
    (found,) = await rig.model.recover("work/Job_1/0/1/")
    assert found.startswith("work/Job_1/0/1/")
