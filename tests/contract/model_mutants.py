"""Broken video models: the adapter of a paid family with one promise taken away each.

The suite must catch every one of them.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import httpx

from schemas.domain.clip import Clip, Plan
from schemas.errors import (
    Category,
    Charged,
    Failure,
    Invalid,
    NotFound,
    SubmitError,
    SubmitRefused,
    SubmitUnknown,
    Unavailable,
)
from schemas.ports import Answer, Foreign, GenerationDone, GenerationFailed, GenerationRunning, Missing, VideoModel
from schemas.wire.request import VideoRequest

LATE = 1e12
"""On the boot clock: never."""
_FAILED = Failure(category=Category.UPSTREAM, code="gone", message="It is gone.", charged=Charged.NO)


class Wrapper:
    """A model that hands everything on to the real one. Each mutant changes one thing."""

    poll_every_s = 0.0

    def __init__(self, model: VideoModel) -> None:
        self.model = model

    async def prepare(self) -> None:
        await self.model.prepare()

    def plan(self, request: VideoRequest) -> Plan:
        return self.model.plan(request)

    def makes(self, model: str) -> bool:
        return self.model.makes(model)

    async def submit(
        self, request: VideoRequest, clip: Clip, sources: Sequence[str], *, send_before: float, previous: str = ""
    ) -> str:
        return await self.model.submit(request, clip, sources, send_before=send_before, previous=previous)

    async def poll(self, operation: str, *, request: VideoRequest | None = None) -> Answer:
        return await self.model.poll(operation, request=request)

    async def recover(self, prefix: str) -> Sequence[str]:
        return await self.model.recover(prefix)

    async def discard(self, operation: str) -> None:
        await self.model.discard(operation)


class SendsAgainInDoubt(Wrapper):
    async def submit(self, *args: Any, **kwargs: Any) -> str:
        try:
            return await self.model.submit(*args, **kwargs)
        except SubmitUnknown:
            return await self.model.submit(*args, **kwargs)


class SendsAgainAfterARefusal(Wrapper):
    async def submit(self, *args: Any, **kwargs: Any) -> str:
        try:
            return await self.model.submit(*args, **kwargs)
        except SubmitRefused:
            return await self.model.submit(*args, **kwargs)


class SendsTwice(Wrapper):
    async def submit(self, *args: Any, **kwargs: Any) -> str:
        await self.model.submit(*args, **kwargs)
        return await self.model.submit(*args, **kwargs)


class SendsAtAnyTime(Wrapper):
    async def submit(
        self, request: VideoRequest, clip: Clip, sources: Sequence[str], *, send_before: float, previous: str = ""
    ) -> str:
        return await self.model.submit(request, clip, sources, send_before=LATE, previous=previous)


class LooksAtTheClockBeforeItConnects(Wrapper):
    async def submit(
        self, request: VideoRequest, clip: Clip, sources: Sequence[str], *, send_before: float, previous: str = ""
    ) -> str:
        clock: Any = self.model
        if clock._clock.boot() >= send_before:
            raise SubmitRefused(_FAILED.model_copy(update={"retryable": True}))
        return await self.model.submit(request, clip, sources, send_before=LATE, previous=previous)


class TakesDoubtsForRefusals(Wrapper):
    async def submit(self, *args: Any, **kwargs: Any) -> str:
        try:
            return await self.model.submit(*args, **kwargs)
        except SubmitUnknown as error:
            raise SubmitRefused(error.failure) from error


class TakesALostAnswerForARefusal(Wrapper):
    async def submit(self, *args: Any, **kwargs: Any) -> str:
        try:
            return await self.model.submit(*args, **kwargs)
        except SubmitUnknown as error:
            if error.failure.code != "answer_lost":
                raise
            raise SubmitRefused(error.failure) from error


class TakesRefusalsForDoubts(Wrapper):
    async def submit(self, *args: Any, **kwargs: Any) -> str:
        try:
            return await self.model.submit(*args, **kwargs)
        except SubmitRefused as error:
            raise SubmitUnknown(error.failure) from error


class ChargesForRefusals(Wrapper):
    async def submit(self, *args: Any, **kwargs: Any) -> str:
        try:
            return await self.model.submit(*args, **kwargs)
        except SubmitRefused as error:
            raise SubmitRefused(error.failure.model_copy(update={"charged": Charged.YES})) from error


class DoubtsForFree(Wrapper):
    async def submit(self, *args: Any, **kwargs: Any) -> str:
        try:
            return await self.model.submit(*args, **kwargs)
        except SubmitUnknown as error:
            raise SubmitUnknown(error.failure.model_copy(update={"charged": Charged.NO})) from error


class ForgetsWhenToSendAgain(Wrapper):
    async def submit(self, *args: Any, **kwargs: Any) -> str:
        try:
            return await self.model.submit(*args, **kwargs)
        except SubmitRefused as error:
            raise SubmitRefused(error.failure) from error


class RaisesErrorsOfItsClient(Wrapper):
    async def submit(self, *args: Any, **kwargs: Any) -> str:
        try:
            return await self.model.submit(*args, **kwargs)
        except SubmitError as error:
            raise httpx.ReadError("broken") from error


class SendsAfterACancel(Wrapper):
    async def submit(self, *args: Any, **kwargs: Any) -> str:
        try:
            return await self.model.submit(*args, **kwargs)
        except asyncio.CancelledError:
            with suppress(SubmitError):
                await self.model.submit(*args, **kwargs)
            raise


class IgnoresACancel(Wrapper):
    async def submit(self, *args: Any, **kwargs: Any) -> str:
        try:
            return await self.model.submit(*args, **kwargs)
        except asyncio.CancelledError as error:
            raise SubmitUnknown(_FAILED) from error


class WritesElsewhere(Wrapper):
    async def submit(
        self, request: VideoRequest, clip: Clip, sources: Sequence[str], *, send_before: float, previous: str = ""
    ) -> str:
        elsewhere = clip.model_copy(update={"prefix": "work/elsewhere/0/1/"})
        return await self.model.submit(request, elsewhere, sources, send_before=send_before, previous=previous)


class SendsPlansOfOtherVersions(Wrapper):
    async def submit(
        self, request: VideoRequest, clip: Clip, sources: Sequence[str], *, send_before: float, previous: str = ""
    ) -> str:
        known = clip.model_copy(update={"planned": self.model.plan(request).clips[0]})
        return await self.model.submit(request, known, sources, send_before=send_before, previous=previous)


class PollsItsOwnOnly(Wrapper):
    def __init__(self, model: VideoModel) -> None:
        super().__init__(model)
        self.own: set[str] = set()

    async def submit(self, *args: Any, **kwargs: Any) -> str:
        operation = await self.model.submit(*args, **kwargs)
        self.own.add(operation)
        return operation

    async def poll(self, operation: str, *, request: VideoRequest | None = None) -> Answer:
        return await self.model.poll(operation, request=request) if operation in self.own else Foreign()


class DoesNotKnowForeignOperations(Wrapper):
    async def poll(self, operation: str, *, request: VideoRequest | None = None) -> Answer:
        answer = await self.model.poll(operation, request=request)
        return Missing() if isinstance(answer, Foreign) else answer


class EndsAMissingOperation(Wrapper):
    async def poll(self, operation: str, *, request: VideoRequest | None = None) -> Answer:
        answer = await self.model.poll(operation, request=request)
        return GenerationFailed(failure=_FAILED) if isinstance(answer, Missing) else answer


class EndsOverAPollThatFails(Wrapper):
    async def poll(self, operation: str, *, request: VideoRequest | None = None) -> Answer:
        try:
            return await self.model.poll(operation, request=request)
        except Unavailable:
            return GenerationFailed(failure=_FAILED)


class ForgetsWhenToAskAgain(Wrapper):
    async def poll(self, operation: str, *, request: VideoRequest | None = None) -> Answer:
        try:
            return await self.model.poll(operation, request=request)
        except Unavailable as error:
            raise Unavailable(str(error)) from error


class TakesARunningOperationForAnEnd(Wrapper):
    async def poll(self, operation: str, *, request: VideoRequest | None = None) -> Answer:
        answer = await self.model.poll(operation, request=request)
        return GenerationFailed(failure=_FAILED) if isinstance(answer, GenerationRunning) else answer


class GivesAddresses(Wrapper):
    async def poll(self, operation: str, *, request: VideoRequest | None = None) -> Answer:
        answer = await self.model.poll(operation, request=request)
        if isinstance(answer, GenerationDone):
            return replace(answer, outputs=tuple(f"gs://bucket/{name}" for name in answer.outputs))
        return answer


class _Charging(Wrapper):
    charged: Charged

    async def poll(self, operation: str, *, request: VideoRequest | None = None) -> Answer:
        answer = await self.model.poll(operation, request=request)
        if isinstance(answer, GenerationFailed):
            return GenerationFailed(failure=answer.failure.model_copy(update={"charged": self.charged}))
        return answer


class NeverCharges(_Charging):
    charged = Charged.NO


class AlwaysCharges(_Charging):
    charged = Charged.YES


class NeverKnowsWhatItCharged(_Charging):
    charged = Charged.UNKNOWN


class QuotesTheCaller(Wrapper):
    async def poll(self, operation: str, *, request: VideoRequest | None = None) -> Answer:
        return await self.model.poll(operation)


class RecoversItsOwnOnly(PollsItsOwnOnly):
    async def poll(self, operation: str, *, request: VideoRequest | None = None) -> Answer:
        return await self.model.poll(operation, request=request)

    async def recover(self, prefix: str) -> Sequence[str]:
        return await self.model.recover(prefix) if self.own else []


class RecoversEveryAttempt(Wrapper):
    async def recover(self, prefix: str) -> Sequence[str]:
        return await self.model.recover(prefix.rstrip("0123456789/") + "/" if prefix else "")


class CanTDiscardTheDead(Wrapper):
    def __init__(self, model: VideoModel) -> None:
        super().__init__(model)
        self.discarded: set[str] = set()

    async def discard(self, operation: str) -> None:
        if operation in self.discarded:
            raise NotFound("there is no such operation")
        self.discarded.add(operation)


class CanTDiscardTheForeign(Wrapper):
    async def discard(self, operation: str) -> None:
        if isinstance(await self.model.poll(operation), Foreign):
            raise NotFound("there is no such operation")


class PlansAnything(Wrapper):
    def plan(self, request: VideoRequest) -> Plan:
        try:
            return self.model.plan(request)
        except Invalid:
            return self.model.plan(request.model_copy(update={"model": None}))


class PlansDifferently(Wrapper):
    count = 0

    def plan(self, request: VideoRequest) -> Plan:
        plan = self.model.plan(request)
        PlansDifferently.count += 1
        clip = plan.clips[0]
        return Plan(clips=(clip.model_copy(update={"expected_s": clip.expected_s + self.count}), *plan.clips[1:]))


class MakesNothing(Wrapper):
    def makes(self, model: str) -> bool:
        return False


class MakesEverything(Wrapper):
    def makes(self, model: str) -> bool:
        return True


class PreparesByPaying(Wrapper):
    async def prepare(self) -> None:
        request = VideoRequest(job_id="warm-up", prompt="A harbour at dawn", duration_seconds=4)
        (planned, *_) = self.model.plan(request).clips
        clip = Clip(index=0, planned=planned, attempt=1, prefix="work/warm-up/0/1/")
        await self.model.submit(request, clip, (), send_before=LATE)


class PollsByPaying(Wrapper):
    def __init__(self, model: VideoModel) -> None:
        super().__init__(model)
        self.again: tuple[tuple[Any, ...], dict[str, Any]] = (), {}

    async def submit(self, *args: Any, **kwargs: Any) -> str:
        self.again = args, kwargs
        return await self.model.submit(*args, **kwargs)

    async def poll(self, operation: str, *, request: VideoRequest | None = None) -> Answer:
        answer = await self.model.poll(operation, request=request)
        if isinstance(answer, GenerationRunning):
            await self.model.submit(*self.again[0], **self.again[1])
        return answer


MUTANTS: dict[type[Wrapper], tuple[str, str]] = {
    SendsAgainInDoubt: ("test_every_doubt_is_unknown_and_never_sent_again", "503 accepted"),
    SendsAgainAfterARefusal: ("test_a_definite_refusal_costs_nothing", "429"),
    SendsTwice: ("test_a_submit_is_one_post_on_a_new_connection", ""),
    SendsAtAnyTime: ("test_nothing_is_sent_after_send_before", ""),
    LooksAtTheClockBeforeItConnects: ("test_nothing_is_sent_if_the_time_passes_while_it_connects", ""),
    TakesDoubtsForRefusals: ("test_every_doubt_is_unknown_and_never_sent_again", "500"),
    TakesALostAnswerForARefusal: ("test_every_doubt_is_unknown_and_never_sent_again", "reset"),
    TakesRefusalsForDoubts: ("test_a_definite_refusal_costs_nothing", "400"),
    ChargesForRefusals: ("test_a_definite_refusal_costs_nothing", "403"),
    DoubtsForFree: ("test_every_doubt_is_unknown_and_never_sent_again", "no answer"),
    ForgetsWhenToSendAgain: ("test_a_refusal_says_when_to_send_again", ""),
    RaisesErrorsOfItsClient: ("test_every_doubt_is_unknown_and_never_sent_again", "reset accepted"),
    SendsAfterACancel: ("test_a_cancelled_submit_sends_nothing_more", ""),
    IgnoresACancel: ("test_a_cancelled_submit_sends_nothing_more", ""),
    WritesElsewhere: ("test_the_files_are_under_the_prefix_of_the_attempt", ""),
    SendsPlansOfOtherVersions: ("test_a_clip_that_it_does_not_know_is_not_sent", ""),
    PollsItsOwnOnly: ("test_any_process_polls_an_operation_and_finds_its_files", ""),
    DoesNotKnowForeignOperations: ("test_an_operation_of_another_model_is_foreign", ""),
    EndsAMissingOperation: ("test_an_operation_that_the_provider_does_not_know_is_missing", ""),
    EndsOverAPollThatFails: ("test_a_provider_that_can_t_be_reached_ends_nothing", ""),
    ForgetsWhenToAskAgain: ("test_a_poll_says_when_to_ask_again", ""),
    TakesARunningOperationForAnEnd: ("test_a_poll_is_free", ""),
    GivesAddresses: ("test_the_files_are_under_the_prefix_of_the_attempt", ""),
    NeverCharges: ("test_a_failed_operation_says_what_it_cost", "broken inside"),
    AlwaysCharges: ("test_a_failed_operation_says_what_it_cost", "no capacity"),
    NeverKnowsWhatItCharged: ("test_a_failed_operation_says_what_it_cost", "refused late"),
    QuotesTheCaller: ("test_a_failure_does_not_quote_the_caller", ""),
    RecoversItsOwnOnly: ("test_any_process_polls_an_operation_and_finds_its_files", ""),
    RecoversEveryAttempt: ("test_what_is_recovered_is_of_one_attempt", ""),
    CanTDiscardTheDead: ("test_a_dead_operation_is_discarded_without_an_error", ""),
    CanTDiscardTheForeign: ("test_an_operation_of_another_model_is_foreign", ""),
    PlansAnything: ("test_what_it_can_t_make_is_invalid", ""),
    PlansDifferently: ("test_a_plan_is_the_same_each_time_and_its_model_is_one_that_it_makes", ""),
    MakesNothing: ("test_a_plan_is_the_same_each_time_and_its_model_is_one_that_it_makes", ""),
    MakesEverything: ("test_what_it_can_t_make_is_invalid", ""),
    PreparesByPaying: ("test_preparing_may_be_repeated", ""),
    PollsByPaying: ("test_a_poll_is_free", ""),
}
"""The case that must catch each mutant, and its parameter."""
