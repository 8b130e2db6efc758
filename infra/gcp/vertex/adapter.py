"""The paid models of Vertex AI behind the `VideoModel` port: both families, one rule for money.

`submit` lets exactly one request leave: `infra.gcp.vertex.transport` sees to that, whatever the client library does.

From settings to a working adapter, or to one sentence about what is wrong with them.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from infra.clock import SystemClock
from infra.gcp.settings import VertexSettings
from infra.gcp.vertex import omni, veo
from infra.gcp.vertex.client import Clients
from infra.gcp.vertex.echo import texts_of
from infra.gcp.vertex.failures import (
    MODEL_NOT_FOUND,
    MODEL_RETIRED,
    NOT_SENT_IN_TIME,
    PREVIOUS_MISSING,
    UNAUTHENTICATED,
    not_written,
    unclear_answer_failure,
)
from infra.gcp.vertex.models import GLOBAL, MODELS, Family, Model, ModelPreferences, models_with
from infra.gcp.vertex.operations import GeneratedFiles, Location, Operation, accepted_operation
from infra.gcp.vertex.planning import Planner, check_location, retirement_warning
from infra.gcp.vertex.polling import PollCapture, PollTemplates, still_running
from infra.gcp.vertex.prices import read_prices
from infra.gcp.vertex.proxies import check_proxy
from infra.gcp.vertex.requests import ClipRequest
from infra.gcp.vertex.tokens import Unauthenticated
from infra.gcp.vertex.transport import CURRENT_PERMIT, SubmitPermit
from schemas.domain.clip import Clip, Plan
from schemas.errors import Failure, Invalid, NotFound, SubmitError, SubmitRefused, SubmitUnknown, Unavailable
from schemas.ports import Answer, Clock, Foreign, GenerationFailed, GenerationRunning, Missing, VideoStore
from schemas.wire.request import VideoRequest

if TYPE_CHECKING:
    from google.genai.client import AsyncClient

logger = logging.getLogger(__name__)


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
        self._patterns = PollTemplates()
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
        order = ClipRequest.build(request, clip, sources, self._bucket, previous)
        try:
            return await self._send_with_another(order, send_before)
        except SubmitRefused as refusal:
            if refusal.failure.code in _GONE:
                raise SubmitRefused(self._ban_model(refusal.failure, request, clip)) from refusal
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
                answer = await self._ask(found, texts_of(request))
            except Unauthenticated:
                await self._renew_token()
                answer = await self._ask(found, texts_of(request))
        except NotFound:
            logger.warning("an operation is not known at present", extra={"action": "operation_missing"})
            return Missing()
        return answer.in_store(self._bucket, self._price_of(answer)) if isinstance(answer, GeneratedFiles) else answer

    async def recover(self, prefix: str) -> Sequence[str]:
        """The films under a prefix: Google puts each into a folder with a number for a name."""
        return [file.name for file in await self._videos.list(prefix) if file.name.endswith(".mp4")]

    async def discard(self, operation: str) -> None:
        """Nothing: Google has no way to stop a generation, and charges for it."""

    async def aclose(self) -> None:
        """Ends the connections."""
        await self._clients.aclose()

    async def _send_with_another(self, order: ClipRequest, send_before: float) -> str:
        """Send the request, and after a definite refusal of its token, or of the interaction that it goes on from, once
        more with another token, or with that interaction's video in its place."""
        try:
            return await self._send(order, send_before)
        except SubmitRefused as refusal:
            if refusal.failure.code == UNAUTHENTICATED:
                logger.warning("an access token was refused", extra={"action": "token_refused"})
                await self._clients.renew_token()
            elif order.previous and refusal.failure.code == PREVIOUS_MISSING:
                logger.warning("an interaction can't be extended by its id", extra={"action": "previous_missing"})
                order = replace(order, previous="")
            else:
                raise
        return await self._send(order, send_before)

    async def _send(self, order: ClipRequest, send_before: float) -> str:
        """The operation's name after one request."""
        place, family = self._place_of(order.model), order.model.family
        client = await self._client(place, send_before)
        permit = SubmitPermit(send_before=send_before, boot=self._clock.boot, texts=texts_of(order.request))
        permission = CURRENT_PERMIT.set(permit)
        try:
            await (veo.submit(client, order) if family is Family.VEO else omni.submit(client, order))
        except Exception as error:
            # The library's own errors may quote the prompt: they are neither chained nor logged.
            if not permit.accepted and isinstance(error, SubmitError):
                raise
            if not permit.used:
                raise SubmitRefused(not_written(error)) from None
            if not permit.accepted:
                raise SubmitUnknown(unclear_answer_failure(200)) from None
            about = {"action": "submit_answer_odd", "reason": type(error).__name__}
            logger.warning("the client library can't read the answer to a submit", extra=about)
        finally:
            CURRENT_PERMIT.reset(permission)
        return str(accepted_operation(family, place, permit.accepted))

    async def _client(self, place: Location, send_before: float) -> "AsyncClient":
        """The library is loaded and a token fetched with the first call: no longer than something may be sent, since a
        caller who gives up later than that could not tell that nothing was."""
        try:
            async with asyncio.timeout(max(0.0, send_before - self._clock.boot())):
                return await self._clients.at(place)
        except TimeoutError as error:
            raise SubmitRefused(NOT_SENT_IN_TIME) from error

    async def _renew_token(self) -> None:
        logger.warning("an access token was refused", extra={"action": "token_refused"})
        try:
            await self._clients.renew_token()
        except SubmitRefused as refusal:
            raise Unavailable(refusal.failure.message) from refusal

    async def _ask(
        self, operation: Operation, texts: Sequence[str]
    ) -> GenerationRunning | GeneratedFiles | GenerationFailed:
        try:
            answer = await self._clients.send_poll(self._patterns, operation)
            if answer is not None and still_running(operation.family, answer):
                return GenerationRunning()
            return await self._read(
                await self._clients.at(operation.place), operation, PollCapture(answer, texts=texts)
            )
        except SubmitRefused as refusal:
            raise Unavailable(refusal.failure.message) from refusal
        except ValueError as error:
            raise Unavailable("Vertex AI answered a poll in a form that its client can't read") from error

    async def _read(
        self, client: "AsyncClient", operation: Operation, question: PollCapture
    ) -> GenerationRunning | GeneratedFiles | GenerationFailed:
        """By the client library; it asks by itself where there is no answer yet."""
        ask = veo.poll if operation.family is Family.VEO else omni.poll
        with question.asked():
            found = await ask(client, operation, question.texts)
        if question.answer is None:
            self._patterns.remember(operation, question.written)
        return found

    def _price_of(self, made: GeneratedFiles) -> Decimal | None:
        """By the answer's own count of tokens."""
        model = self._planner.lineup.registry.get(made.model.rpartition("/")[2])
        return model.prices.usd_of(made.video_tokens) if model else None

    def _place_of(self, model: Model) -> Location:
        """Models that live in `global` live nowhere else; others are asked where the settings say."""
        location = model.region if model.region == GLOBAL else self._location or model.region
        return Location(project=self._project, location=location)

    def _ban_model(self, failure: Failure, request: VideoRequest, clip: Clip) -> Failure:
        """The same reason. It is worth a retry if another model may take the place of the missing one."""
        logger.warning("a model is gone", extra={"action": "model_gone", "model": clip.planned.model})
        self._planner.ban(clip.planned.model, failure.message)
        frozen = clip.index > 0 or bool(clip.lost_prefixes or clip.late)
        why = _FROZEN if frozen else self._planner.why_no_other(request)
        if why is None:
            return failure.model_copy(update={"retryable": True})
        return failure.model_copy(update={"message": f"{failure.message} No other model takes its place: {why}."})


_GOOGLE = "https://aiplatform.googleapis.com/"


def open_planner(settings: VertexSettings, location: str = "") -> Planner:
    """Plan without an account and without the network. Raises `Invalid`."""
    registry = models_with(read_prices(settings.prices))
    lineup = ModelPreferences.parse(fast=settings.fast_models, quality=settings.quality_models, registry=registry)
    for model in lineup.models:
        check_location(model, location, field="REELBUS_MODEL")
    return Planner(lineup, location=location)


def open_vertex(url: SplitResult, settings: VertexSettings, videos: VideoStore) -> Vertex:
    """Raises `Invalid`."""
    location = url.path.strip("/")
    if not url.netloc or "/" in location or url.query or url.fragment:
        wanted = "vertex://project or vertex://project/location"
        raise Invalid(f"REELBUS_MODEL: must be {wanted}, not {url.geturl()}", field="REELBUS_MODEL")
    check_proxy(settings.base_url or _GOOGLE)
    return Vertex(
        project=url.netloc,
        location=location,
        videos=videos,
        bucket=_bucket(settings.videos_url),
        planner=_warned(open_planner(settings, location)),
        base_url=_base_url(settings.base_url),
    )


def _warned(planner: Planner) -> Planner:
    for model in {model.id: model for model in planner.lineup.models}.values():
        if warning := retirement_warning(model, datetime.now(UTC).date()):
            logger.warning("a model of the settings may be switched off", extra=_about(model.id, warning))
    return planner


def _about(model: str, warning: str) -> dict[str, str]:
    return {"action": "model_retires", "model": model, "reason": warning}


def _bucket(videos_url: str) -> str:
    address = urlsplit(videos_url)
    if address.scheme != "gs" or not address.netloc:
        words = "must be gs://bucket with a vertex: model, since Google writes the films there itself"
        raise Invalid(f"REELBUS_VIDEOS: {words}", field="REELBUS_VIDEOS")
    return address.netloc


def _base_url(url: str) -> str:
    if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc):
        setting = "REELBUS_VERTEX_BASE_URL"
        raise Invalid(f"{setting}: must be http://… or https://…, not {url!r}", field=setting)
    return url
