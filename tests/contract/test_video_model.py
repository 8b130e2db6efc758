"""What every video model promises, and above all about money.

A submit is one request. It is sent before `send_before` or never. It is refused only if certainly nothing was accepted.
"""

import asyncio
import math
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.adapters import PROVIDERS
from infra.clock import SystemClock
from infra.gcp.vertex.models import Family
from schemas.errors import Category, Charged, Failure, Invalid, SubmitRefused, SubmitUnknown, Unavailable
from schemas.ports import Foreign, GenerationDone, GenerationFailed, GenerationRunning, Missing
from tests.contract.video_models import ADAPTERS, FAMILIES, NOBODY_LISTENS, PAID, ModelBackend
from tests.vertex.script import Step

PATIENCE_S = 120.0
"""The longest that a case waits for what has to come."""
REFUSALS = {
    "400": Step(status=400),
    "403": Step(status=403),
    "404": Step(status=404),
    "429": Step(status=429),
}
"""What a provider answers if it certainly accepted nothing."""
DOUBTS = {
    "408": Step(status=408),
    "500": Step(status=500),
    "502": Step(status=502, body="<html>"),
    "503": Step(status=503),
    "503 accepted": Step(status=503, accept=True),
    "a page": Step(body="<html>", accept=True),
    "no name": Step(body="{}", accept=True),
    "202 without a name": Step(status=202, body="{}", accept=True),
    "a refusal without a body": Step(status=429, body=""),
    "reset": Step(drop=True),
    "reset accepted": Step(drop=True, accept=True),
    "no answer": Step(hang=True),
    "no answer accepted": Step(hang=True, accept=True),
}
"""After these the provider may have accepted the request."""


@pytest.fixture(params=FAMILIES)
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ModelBackend]:
    async with FAMILIES[request.param].open_backend(tmp_path) as backend:
        yield backend


@pytest.fixture(params=PAID)
async def paid(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ModelBackend]:
    family = FAMILIES[request.param]
    if family.shorten_answers:
        family.shorten_answers(monkeypatch)
    async with family.open_backend(tmp_path) as backend:
        yield backend


async def test_a_plan_is_the_same_each_time_and_its_model_is_one_that_it_makes(backend: ModelBackend) -> None:
    model, other = await backend.open(), await backend.open()
    plan = model.plan(backend.request)
    assert plan == model.plan(backend.request) == other.plan(backend.request)
    assert sum(clip.seconds for clip in plan.clips) >= backend.request.duration_seconds
    assert all(model.makes(clip.model) for clip in plan.clips)


async def test_what_it_can_t_make_is_invalid(backend: ModelBackend) -> None:
    model = await backend.open()
    unknown = backend.request.model_copy(update={"model": "no-such-model"})
    with pytest.raises(Invalid):
        model.plan(unknown)
    assert not model.makes("no-such-model")


async def test_preparing_may_be_repeated(backend: ModelBackend) -> None:
    model = await backend.open()
    await model.prepare()
    await model.prepare()
    assert backend.server is None or backend.server.books.posts == 0


async def test_the_files_are_under_the_prefix_of_the_attempt(backend: ModelBackend) -> None:
    model = await backend.open()
    operation = await backend.submit(model, attempt=2)
    async with asyncio.timeout(PATIENCE_S):
        end = await backend.end_of(model, operation)
    assert isinstance(end, GenerationDone), end
    prefix = backend.clip(model, attempt=2).prefix
    assert prefix
    assert end.outputs
    assert all(name.startswith(prefix) for name in end.outputs)
    assert set(end.outputs) <= {file.name for file in await backend.videos.list(prefix)}


async def test_any_process_polls_an_operation_and_finds_its_files(backend: ModelBackend) -> None:
    model, other = await backend.open(), await backend.open()
    operation = await backend.submit(model)
    async with asyncio.timeout(PATIENCE_S):
        end = await backend.end_of(other, operation)
        assert isinstance(end, GenerationDone), end
        assert await backend.end_of(model, operation) == end
    third = await backend.open()
    assert sorted(await third.recover(backend.clip(third).prefix or "")) == sorted(end.outputs)


async def test_what_is_recovered_is_of_one_attempt(backend: ModelBackend) -> None:
    model = await backend.open()
    outputs = []
    for attempt in (1, 2):
        async with asyncio.timeout(PATIENCE_S):
            end = await backend.end_of(model, await backend.submit(model, attempt=attempt))
        assert isinstance(end, GenerationDone), end
        outputs.append(list(end.outputs))
    prefixes = [backend.clip(model, attempt=attempt).prefix or "" for attempt in (1, 2, 3)]
    assert [list(await model.recover(prefix)) for prefix in prefixes] == [*outputs, []]


async def test_an_operation_of_another_model_is_foreign(backend: ModelBackend) -> None:
    model = await backend.open()
    others = [row.operation for name, row in FAMILIES.items() if ADAPTERS[name] != backend.adapter]
    for operation in (*others, "", "elsewhere:1", "work", "veo:", "omni:projects/p"):
        assert await model.poll(operation, request=backend.request) == Foreign(), operation
        await model.discard(operation)
    assert backend.server is None or backend.server.books.posts == backend.server.books.polls == 0


async def test_a_dead_operation_is_discarded_without_an_error(backend: ModelBackend) -> None:
    model, other = await backend.open(), await backend.open()
    operation = await backend.submit(model)
    await other.discard(operation)
    await model.discard(operation)
    await model.discard(operation)
    unknown = f"{operation[:-1]}{'0' if operation[-1] != '0' else '1'}"
    await model.discard(unknown)


async def test_a_submit_is_one_post_on_a_new_connection(paid: ModelBackend) -> None:
    model = await paid.open()
    operations = [await paid.submit(model, attempt=attempt) for attempt in (1, 2)]
    books = paid.wire.books
    assert books.posts == len(books.accepted) == len(set(operations)) == 2
    assert len(set(books.connections)) == 2


@pytest.mark.parametrize("status", [201, 202])
async def test_an_operation_is_accepted_with_any_good_status(paid: ModelBackend, status: int) -> None:
    paid.wire.then(Step(good_status=status))
    model = await paid.open()
    assert isinstance(await paid.end_of(model, await paid.submit(model)), GenerationDone)
    assert paid.wire.books.posts == 1


async def test_submits_at_the_same_time_are_one_post_each(paid: ModelBackend) -> None:
    model = await paid.open()
    operations = await asyncio.gather(*(paid.submit(model, attempt=attempt) for attempt in range(1, 5)))
    books = paid.wire.books
    assert books.posts == len(books.accepted) == len(set(operations)) == 4
    assert {each.storage_uri.partition("/work/")[2] for each in books.accepted} == {
        f"Job_1/0/{attempt}/" for attempt in range(1, 5)
    }


async def test_nothing_is_sent_after_send_before(paid: ModelBackend) -> None:
    model = await paid.open()
    with pytest.raises(SubmitRefused) as refusal:
        await paid.submit(model, send_before=SystemClock().boot())
    _check_not_sent(refusal.value.failure)
    assert paid.wire.books.posts == 0


async def test_nothing_is_sent_if_the_time_passes_while_it_connects(paid: ModelBackend) -> None:
    """Whatever the clock says before: its last reading before the request decides."""
    readings: list[float] = []
    last = math.inf

    def boot() -> float:
        readings.append(0.0)
        return 0.0 if len(readings) < last else 61.0

    model = await paid.open(boot=boot)
    await paid.submit(model, send_before=60.0)
    last = len(readings)
    readings.clear()
    with pytest.raises(SubmitRefused) as refusal:
        await paid.submit(model, attempt=2, send_before=60.0)
    _check_not_sent(refusal.value.failure)
    assert paid.wire.books.posts == 1


async def test_nothing_is_sent_to_a_provider_that_can_t_be_reached(paid: ModelBackend) -> None:
    model = await paid.open(NOBODY_LISTENS)
    with pytest.raises(SubmitRefused) as refusal:
        await paid.submit(model)
    _check_not_sent(refusal.value.failure)


async def test_a_clip_that_it_does_not_know_is_not_sent(paid: ModelBackend) -> None:
    model = await paid.open()
    clip = paid.clip(model)
    strange = clip.model_copy(update={"planned": clip.planned.model_copy(update={"model": "of-another-version"})})
    with pytest.raises(SubmitRefused) as refusal:
        await model.submit(paid.request, strange, (), send_before=SystemClock().boot() + 60)
    assert refusal.value.failure.charged is Charged.NO
    assert paid.wire.books.posts == 0


@pytest.mark.parametrize("case", REFUSALS)
async def test_a_definite_refusal_costs_nothing(paid: ModelBackend, case: str) -> None:
    paid.wire.then(REFUSALS[case])
    model = await paid.open()
    with pytest.raises(SubmitRefused) as refusal:
        await paid.submit(model)
    failure = refusal.value.failure
    assert failure.charged is Charged.NO
    assert (failure.category is Category.QUOTA and failure.retryable) == (case == "429")
    assert (paid.wire.books.posts, len(paid.wire.books.accepted)) == (1, 0)


async def test_a_refusal_says_when_to_send_again(paid: ModelBackend) -> None:
    paid.wire.then(Step(status=429, headers={"Retry-After": "37"}))
    model = await paid.open()
    with pytest.raises(SubmitRefused) as refusal:
        await paid.submit(model)
    assert refusal.value.retry_after_s == 37
    assert paid.wire.books.posts == 1


@pytest.mark.parametrize("case", DOUBTS)
async def test_every_doubt_is_unknown_and_never_sent_again(paid: ModelBackend, case: str) -> None:
    paid.wire.then(DOUBTS[case])
    model = await paid.open()
    with pytest.raises(SubmitUnknown) as doubt:
        async with asyncio.timeout(PATIENCE_S):
            await paid.submit(model)
    assert doubt.value.failure.charged is Charged.UNKNOWN
    assert paid.wire.books.posts == 1
    assert len(paid.wire.books.accepted) == DOUBTS[case].accepts


async def test_a_submit_that_was_accepted_and_lost_is_found(paid: ModelBackend) -> None:
    paid.wire.then(Step(drop=True, accept=True))
    model, other = await paid.open(), await paid.open()
    with pytest.raises(SubmitUnknown):
        await paid.submit(model)
    (job,) = paid.wire.studio.jobs.values()
    await job.making
    prefix = paid.clip(other).prefix or ""
    (found,) = await other.recover(prefix)
    assert found.startswith(prefix)
    assert paid.wire.books.posts == 1


async def test_a_cancelled_submit_sends_nothing_more(paid: ModelBackend) -> None:
    paid.wire.then(Step(hang=True, accept=True))
    model = await paid.open()
    submit = asyncio.create_task(paid.submit(model))
    async with asyncio.timeout(PATIENCE_S):
        await paid.wire.studio.accepted.wait()
        submit.cancel()
        (end,) = await asyncio.gather(submit, return_exceptions=True)
    assert isinstance(end, asyncio.CancelledError), end
    assert paid.wire.books.posts == 1


async def test_a_poll_is_free(paid: ModelBackend) -> None:
    paid.wire.then(Step(polls=3))
    model = await paid.open()
    operation = await paid.submit(model)
    answers = [await model.poll(operation, request=paid.request) for _ in range(4)]
    assert answers[:3] == [GenerationRunning()] * 3
    assert isinstance(answers[3], GenerationDone)
    assert (paid.wire.books.posts, paid.wire.books.polls) == (1, 4)


@pytest.mark.parametrize("status", [403, 408, 429, 500, 503])
async def test_a_poll_that_fails_ends_nothing(paid: ModelBackend, status: int) -> None:
    paid.wire.then(Step(poll_statuses=(status,)))
    model = await paid.open()
    operation = await paid.submit(model)
    with pytest.raises(Unavailable):
        await model.poll(operation, request=paid.request)
    assert isinstance(await paid.end_of(model, operation), GenerationDone)


async def test_a_poll_says_when_to_ask_again(paid: ModelBackend) -> None:
    paid.wire.then(Step(poll_statuses=(503,), headers={"Retry-After": "41"}))
    model = await paid.open()
    operation = await paid.submit(model)
    with pytest.raises(Unavailable) as later:
        await model.poll(operation, request=paid.request)
    assert later.value.retry_after_s == 41


async def test_a_provider_that_can_t_be_reached_ends_nothing(paid: ModelBackend) -> None:
    model, other = await paid.open(), await paid.open(NOBODY_LISTENS)
    operation = await paid.submit(model)
    with pytest.raises(Unavailable):
        await other.poll(operation, request=paid.request)


async def test_an_operation_that_the_provider_does_not_know_is_missing(paid: ModelBackend) -> None:
    paid.wire.then(Step(ending="gone"))
    model = await paid.open()
    operation = await paid.submit(model)
    assert [await model.poll(operation, request=paid.request) for _ in range(2)] == [Missing()] * 2


CHARGES: dict[str, tuple[Step, Category, bool, Charged]] = {
    "refused late": (
        Step(ending="error", error={"code": 3, "message": "Too short."}),
        Category.INVALID_REQUEST,
        False,
        Charged.NO,
    ),
    "no capacity": (
        Step(ending="error", error={"code": 8, "message": "High load."}),
        Category.CAPACITY,
        True,
        Charged.NO,
    ),
    "broken inside": (
        Step(ending="error", error={"code": 13, "message": "Internal."}),
        Category.UPSTREAM,
        True,
        Charged.UNKNOWN,
    ),
    "no file": (Step(ending="nothing"), Category.UPSTREAM, True, Charged.UNKNOWN),
    "filtered": (Step(ending="filtered"), Category.SAFETY_FILTER, False, Charged.UNKNOWN),
}


@pytest.mark.parametrize("case", CHARGES)
async def test_a_failed_operation_says_what_it_cost(paid: ModelBackend, case: str) -> None:
    step, *facts = CHARGES[case]
    failure = await _failure(paid, step)
    assert [failure.category, failure.retryable, failure.charged] == facts


async def test_a_failure_does_not_quote_the_caller(paid: ModelBackend) -> None:
    quoted = {"code": 13, "message": f'Failed on "{paid.request.prompt}".'}
    failure = await _failure(paid, Step(ending="error", error=quoted))
    assert paid.request.prompt not in failure.message


async def _failure(paid: ModelBackend, step: Step) -> Failure:
    paid.wire.then(step)
    model = await paid.open()
    end = await paid.end_of(model, await paid.submit(model))
    assert isinstance(end, GenerationFailed), end
    return end.failure


def _check_not_sent(failure: Failure) -> None:
    assert (failure.retryable, failure.charged) == (True, Charged.NO)


def test_every_family_has_a_row() -> None:
    assert set(ADAPTERS) == set(FAMILIES)
    assert set(ADAPTERS.values()) == {*PROVIDERS, "plain"}
    assert set(Family) <= set(FAMILIES)
