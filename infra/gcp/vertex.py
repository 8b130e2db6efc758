"""The paid models of Vertex AI behind the `VideoModel` port: both families, one rule for money.

`submit` lets exactly one request leave: `infra.gcp.transport` sees to that, whatever the client library does above it.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from infra.clock import SystemClock
from infra.gcp import omni, veo
from infra.gcp.clients import Clients
from infra.gcp.echo import texts_of
from infra.gcp.models import GLOBAL, MODELS, Family, Model
from infra.gcp.operation import Operation, Place, accepted_operation
from infra.gcp.order import Order
from infra.gcp.outcome import Made
from infra.gcp.planning import Planner
from infra.gcp.polls import Patterns, Question, still_running
from infra.gcp.refusals import (
    MODEL_NOT_FOUND,
    MODEL_RETIRED,
    NOT_SENT_IN_TIME,
    PREVIOUS_MISSING,
    UNAUTHENTICATED,
    doubt,
    not_written,
)
from infra.gcp.ticket import PERMITTED, Ticket
from infra.gcp.tokens import Unauthenticated
from schemas.errors import NotFound, SubmitError, SubmitRefused, SubmitUnknown, Unavailable
from schemas.failure import Failure
from schemas.ledger import Clip
from schemas.plan import Plan
from schemas.ports import Answer, Broke, Clock, Foreign, Missing, Running, VideoStore
from schemas.request import VideoRequest

if TYPE_CHECKING:
    from google.genai.client import AsyncClient

log = logging.getLogger(__name__)

_GONE = frozenset({MODEL_RETIRED, MODEL_NOT_FOUND})
_FROZEN = "a clip of this plan was paid, or may have been"


class Vertex:
    """`VideoModel` over google-genai. The files go straight into the video store's own bucket."""

    poll_every_s = 10.0

    def __init__(
        self,
        *,
        project: str,
        location: str,
        videos: VideoStore,
        bucket: str,
        planner: Planner,
        base_url: str = "",
        clock: Clock | None = None,
    ) -> None:
        self._project, self._location = project, location
        self._videos, self._bucket = videos, bucket
        self._planner = planner
        self._clients = Clients(base_url=base_url)
        self._patterns = Patterns()
        self._clock = clock or SystemClock()
        planner.boot = self._clock.boot

    async def prepare(self) -> None:
        """Load the client library and fetch a token, which takes about 2 s. Raises `Unavailable`."""
        try:
            for place in {self._place_of(model) for model in self._planner.lineup.models}:
                await self._clients.at(place)
        except SubmitRefused as refusal:
            raise Unavailable(refusal.failure.message) from refusal

    def plan(self, request: VideoRequest) -> Plan:
        """The cheapest clips at the first model in line. Raises `Invalid`."""
        return self._planner.plan(request)

    def makes(self, model: str) -> bool:
        """Every model of the registry, also one that no list of the settings names."""
        return model in MODELS

    async def submit(
        self, request: VideoRequest, clip: Clip, sources: Sequence[str], *, send_before: float, previous: str = ""
    ) -> str:
        """At most one request is accepted. Each leaves on a new connection, and none after `send_before`."""
        order = Order.of(request, clip, sources, self._bucket, previous)
        try:
            return await self._send_with_another(order, send_before)
        except SubmitRefused as refusal:
            if refusal.failure.code in _GONE:
                raise SubmitRefused(self._gone(refusal.failure, request, clip)) from refusal
            raise

    async def poll(self, operation: str, *, request: VideoRequest | None = None) -> Answer:
        """Ask once, from the bare name. Raises `Unavailable`.

        404 is no end: accepted interactions were seen to answer it for a while (googleapis/python-genai#2985).
        """
        try:
            found = Operation.parse(operation)
        except NotFound:
            return Foreign()
        try:
            try:
                answer = await self._asked(found, texts_of(request))
            except Unauthenticated:
                await self._renew_token()
                answer = await self._asked(found, texts_of(request))
        except NotFound:
            log.warning("an operation is not known at present", extra={"action": "operation_missing"})
            return Missing()
        return answer.in_store(self._bucket, self._price_of(answer)) if isinstance(answer, Made) else answer

    async def recover(self, prefix: str) -> Sequence[str]:
        """The films under a prefix: Google puts each into a folder with a number for a name."""
        return [file.name for file in await self._videos.list(prefix) if file.name.endswith(".mp4")]

    async def discard(self, operation: str) -> None:
        """Nothing: Google has no way to stop a generation, and charges for it."""

    async def aclose(self) -> None:
        """Ends the connections."""
        await self._clients.aclose()

    async def _send_with_another(self, order: Order, send_before: float) -> str:
        """Send the request, and after a definite refusal of its token, or of the interaction that it goes on from, once
        more with another token, or with that interaction's video in its place."""
        try:
            return await self._send(order, send_before)
        except SubmitRefused as refusal:
            if refusal.failure.code == UNAUTHENTICATED:
                log.warning("an access token was refused", extra={"action": "token_refused"})
                await self._clients.renew_token()
            elif order.previous and refusal.failure.code == PREVIOUS_MISSING:
                log.warning("an interaction can't be extended by its id", extra={"action": "previous_missing"})
                order = replace(order, previous="")
            else:
                raise
        return await self._send(order, send_before)

    async def _send(self, order: Order, send_before: float) -> str:
        """The operation's name after one request."""
        place, family = self._place_of(order.model), order.model.family
        client = await self._client(place, send_before)
        permit = Ticket(send_before=send_before, boot=self._clock.boot, texts=texts_of(order.request))
        permission = PERMITTED.set(permit)
        try:
            await (veo.submit(client, order) if family is Family.VEO else omni.submit(client, order))
        except Exception as error:
            # The library's own errors may quote the prompt: they are neither chained nor logged.
            if not permit.accepted and isinstance(error, SubmitError):
                raise
            if not permit.used:
                raise SubmitRefused(not_written(error)) from None
            if not permit.accepted:
                raise SubmitUnknown(doubt(200)) from None
            about = {"action": "submit_answer_odd", "reason": type(error).__name__}
            log.warning("the client library can't read the answer to a submit", extra=about)
        finally:
            PERMITTED.reset(permission)
        return str(accepted_operation(family, place, permit.accepted))

    async def _client(self, place: Place, send_before: float) -> "AsyncClient":
        """The library is loaded and a token fetched with the first call: no longer than something may be sent, since a
        caller who gives up later than that could not tell that nothing was."""
        try:
            async with asyncio.timeout(max(0.0, send_before - self._clock.boot())):
                return await self._clients.at(place)
        except TimeoutError as error:
            raise SubmitRefused(NOT_SENT_IN_TIME) from error

    async def _renew_token(self) -> None:
        log.warning("an access token was refused", extra={"action": "token_refused"})
        try:
            await self._clients.renew_token()
        except SubmitRefused as refusal:
            raise Unavailable(refusal.failure.message) from refusal

    async def _asked(self, operation: Operation, texts: Sequence[str]) -> Running | Made | Broke:
        try:
            answer = await self._clients.polled(self._patterns, operation)
            if answer is not None and still_running(operation.family, answer):
                return Running()
            return await self._read(await self._clients.at(operation.place), operation, Question(answer, texts=texts))
        except SubmitRefused as refusal:
            raise Unavailable(refusal.failure.message) from refusal
        except ValueError as error:
            raise Unavailable("Vertex AI answered a poll in a form that its client can't read") from error

    async def _read(self, client: "AsyncClient", operation: Operation, question: Question) -> Running | Made | Broke:
        """By the client library; it asks by itself where there is no answer yet."""
        ask = veo.poll if operation.family is Family.VEO else omni.poll
        with question.asked():
            found = await ask(client, operation, question.texts)
        if question.answer is None:
            self._patterns.learn(operation, question.written)
        return found

    def _price_of(self, made: Made) -> Decimal | None:
        """By the answer's own count of tokens."""
        model = self._planner.lineup.registry.get(made.model.rpartition("/")[2])
        return model.prices.usd_of(made.video_tokens) if model else None

    def _place_of(self, model: Model) -> Place:
        """Models that live in `global` live nowhere else; others are asked where the settings say."""
        location = model.region if model.region == GLOBAL else self._location or model.region
        return Place(project=self._project, location=location)

    def _gone(self, failure: Failure, request: VideoRequest, clip: Clip) -> Failure:
        """The same reason. It is worth a retry if another model may take the place of the missing one."""
        log.warning("a model is gone", extra={"action": "model_gone", "model": clip.planned.model})
        self._planner.ban(clip.planned.model, failure.message)
        frozen = clip.index > 0 or bool(clip.lost_prefixes or clip.late)
        why = _FROZEN if frozen else self._planner.why_no_other(request)
        if why is None:
            return failure.model_copy(update={"retryable": True})
        return failure.model_copy(update={"message": f"{failure.message} No other model takes its place: {why}."})
