"""The paid models of Vertex AI behind the `VideoModel` port, and how the settings become that adapter.

`submit` sends one paid request: `infra.paid` enforces that, whatever the client library does. A new family of models
is a module beside `veo` and `omni`, a row of `_FAMILIES`, and rows in `infra.gcp.vertex.models`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

from infra.clock import SystemClock
from infra.gcp.settings import VertexSettings, place_in
from infra.gcp.vertex import omni, veo
from infra.gcp.vertex.client import Clients, PollBuilder
from infra.gcp.vertex.failures import (
    MODEL_NOT_FOUND,
    MODEL_RETIRED,
    PREVIOUS_MISSING,
    UNAUTHENTICATED,
)
from infra.gcp.vertex.models import GLOBAL, MODELS, Family, Model, ModelPreferences, models_with
from infra.gcp.vertex.operations import GeneratedFiles, Location, Operation
from infra.gcp.vertex.planning import Planner, check_location, retirement_warning
from infra.gcp.vertex.prices import read_prices
from infra.gcp.vertex.requests import ClipRequest
from infra.paid.echo import texts_of
from infra.paid.failures import NOT_SENT_IN_TIME, object_of
from infra.paid.permit import SubmitPermit, send_once
from infra.paid.proxies import check_proxy
from infra.paid.transport import reply_with
from schemas.domain.clip import Clip, Plan
from schemas.errors import Failure, Invalid, NotFound, SubmitRefused, Unavailable
from schemas.ports import Answer, Clock, Foreign, GenerationFailed, GenerationRunning, Missing, VideoStore
from schemas.wire.request import VideoRequest

if TYPE_CHECKING:
    from google.genai.client import AsyncClient

logger = logging.getLogger(__name__)

_GOOGLE = "https://aiplatform.googleapis.com/"
_MODEL_GONE = frozenset({MODEL_RETIRED, MODEL_NOT_FOUND})
_FROZEN = "a clip of this plan was paid, or may have been"
_Outcome = GenerationRunning | GeneratedFiles | GenerationFailed


class _Family(NamedTuple):
    """How the models of one family are called."""

    submit: "Callable[[AsyncClient, ClipRequest], Awaitable[None]]"
    poll_request: PollBuilder
    is_running: Callable[[Mapping[str, Any]], bool]
    """True if an answer to a poll says that, and nothing else."""
    read_answer: "Callable[[AsyncClient, Operation, Sequence[str]], Awaitable[_Outcome]]"
    """Reads any other answer to a poll with the library."""
    resource_of: Callable[[Location, str], str]
    """The resource of the operation that an answer to a submit names."""


_FAMILIES: Mapping[Family, _Family] = {
    Family.VEO: _Family(veo.submit, veo.poll_request, veo.is_running, veo.read_answer, veo.resource_of),
    Family.OMNI: _Family(omni.submit, omni.poll_request, omni.is_running, omni.read_answer, omni.resource_of),
}


class Vertex:
    """The `VideoModel` over google-genai. Google writes the files into the video store's bucket."""

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
        self._clock = clock or SystemClock()
        planner.boot = self._clock.boot

    async def prepare(self) -> None:
        """Load the client library and fetch a token, which takes about 2 s. Raises `Unavailable`."""
        try:
            for location in {self._location_of(model) for model in self._planner.preferences.models}:
                await self._clients.at(location)
        except SubmitRefused as refusal:
            raise Unavailable(refusal.failure.message) from refusal

    def plan(self, request: VideoRequest) -> Plan:
        """Plan the cheapest clips at the preferred model. Raises `Invalid`."""
        return self._planner.plan(request)

    def makes(self, model: str) -> bool:
        """Return True for every model of the registry, also for one that the settings do not name."""
        return model in MODELS

    async def submit(
        self, request: VideoRequest, clip: Clip, sources: Sequence[str], *, send_before: float, previous: str = ""
    ) -> str:
        """Submit a clip.

        At most one request is accepted; each uses a new connection, and none is sent after `send_before`.
        """
        clip_request = ClipRequest.build(request, clip, sources, self._bucket, previous)
        try:
            return await self._send_with_fallback(clip_request, send_before)
        except SubmitRefused as refusal:
            if refusal.failure.code in _MODEL_GONE:
                raise SubmitRefused(self._ban_model(refusal.failure, request, clip)) from refusal
            raise

    async def poll(self, operation: str, *, request: VideoRequest | None = None) -> Answer:
        """Ask once, from the bare name. Raises `Unavailable`.

        A 404 does not end the job: accepted interactions answered it for a while (googleapis/python-genai#2985).
        """
        try:
            parsed = Operation.parse(operation)
        except NotFound:
            return Foreign()
        family = _FAMILIES[parsed.family]
        try:
            body = await self._clients.poll(parsed, family.poll_request)
            if family.is_running(object_of(body)):
                return GenerationRunning()
            client = await self._clients.at(parsed.location)
            with reply_with(body):
                answer = await family.read_answer(client, parsed, texts_of(request))
        except NotFound:
            logger.warning("an operation is not known at present", extra={"action": "operation_missing"})
            return Missing()
        except SubmitRefused as refusal:
            raise Unavailable(refusal.failure.message) from refusal
        except ValueError as error:
            raise Unavailable("Vertex AI answered a poll in a form that its client can't read") from error
        if not isinstance(answer, GeneratedFiles):
            return answer
        model = self._planner.preferences.registry.get(answer.model.rpartition("/")[2])
        return answer.in_store(self._bucket, model.prices.usd_of(answer.video_tokens) if model else None)

    async def recover(self, prefix: str) -> Sequence[str]:
        """List the videos under a prefix. Google writes each into a folder whose name is a number."""
        return [file.name for file in await self._videos.list(prefix) if file.name.endswith(".mp4")]

    async def discard(self, operation: str) -> None:
        """Do nothing: Google can't stop a generation, and charges for it."""

    async def aclose(self) -> None:
        """Close the connections."""
        await self._clients.aclose()

    async def _send_with_fallback(self, clip_request: ClipRequest, send_before: float) -> str:
        """Send the request. After a definite refusal of its token send it once more with a new token; after one of the
        interaction that it extends, with that interaction's video instead."""
        try:
            return await self._send(clip_request, send_before)
        except SubmitRefused as refusal:
            if refusal.failure.code == UNAUTHENTICATED:
                await self._clients.renew_token()
            elif clip_request.previous and refusal.failure.code == PREVIOUS_MISSING:
                logger.warning("an interaction can't be extended by its id", extra={"action": "previous_missing"})
                clip_request = replace(clip_request, previous="")
            else:
                raise
        return await self._send(clip_request, send_before)

    async def _send(self, clip_request: ClipRequest, send_before: float) -> str:
        """Send one request and return the operation's name."""
        location, family = self._location_of(clip_request.model), clip_request.model.family
        client = await self._client(location, send_before)
        permit = SubmitPermit(send_before=send_before, boot=self._clock.boot, texts=texts_of(clip_request.request))
        name = await send_once(permit, partial(_FAMILIES[family].submit, client, clip_request))
        return str(Operation(family=family, resource=_FAMILIES[family].resource_of(location, name)))

    async def _client(self, location: Location, send_before: float) -> "AsyncClient":
        """Return the client of a location. The first call loads the library and fetches a token.

        It takes no longer than until `send_before`: a caller that gives up after that could not know that nothing was
        sent.
        """
        try:
            async with asyncio.timeout(max(0.0, send_before - self._clock.boot())):
                return await self._clients.at(location)
        except TimeoutError as error:
            raise SubmitRefused(NOT_SENT_IN_TIME) from error

    def _location_of(self, model: Model) -> Location:
        """Return where a model is called: `global` if it is offered only there, else what the settings say."""
        location = model.region if model.region == GLOBAL else self._location or model.region
        return Location(project=self._project, location=location)

    def _ban_model(self, failure: Failure, request: VideoRequest, clip: Clip) -> Failure:
        """Ban the missing model and return the failure, retryable if another model may replace the missing one."""
        logger.warning("a model does not exist any more", extra={"action": "model_gone", "model": clip.planned.model})
        self._planner.ban(clip.planned.model, failure.message)
        frozen = clip.index > 0 or bool(clip.lost_prefixes or clip.late)
        reason = _FROZEN if frozen else self._planner.why_no_other(request)
        if reason is None:
            return failure.model_copy(update={"retryable": True})
        return failure.model_copy(update={"message": f"{failure.message} No other model takes its place: {reason}."})


def open_planner(settings: VertexSettings, location: str = "") -> Planner:
    """Build a planner, which needs no account and no network. Raises `Invalid`."""
    registry = models_with(read_prices(settings.prices))
    preferences = ModelPreferences.parse(fast=settings.fast_models, quality=settings.quality_models, registry=registry)
    for model in preferences.models:
        check_location(model, location, field="REELBUS_PROVIDER")
    return Planner(preferences, location=location)


def open_vertex(url: SplitResult, settings: VertexSettings, videos: VideoStore) -> Vertex:
    """Open the adapter of `vertex://project` or `vertex://project/location`. Raises `Invalid`."""
    project, location = place_in(url)
    check_proxy(settings.base_url or _GOOGLE)
    planner = open_planner(settings, location)
    for model in {model.id: model for model in planner.preferences.models}.values():
        if warning := retirement_warning(model, datetime.now(UTC).date()):
            about = {"action": "model_retires", "model": model.id, "reason": warning}
            logger.warning("a model of the settings may be switched off", extra=about)
    return Vertex(
        project=project,
        location=location,
        videos=videos,
        bucket=_bucket(settings.videos_url),
        planner=planner,
        base_url=_base_url(settings.base_url),
    )


def _bucket(videos_url: str) -> str:
    address = urlsplit(videos_url)
    if address.scheme != "gs" or not address.netloc:
        words = "must be gs://bucket with a vertex: model, because Google writes the videos there itself"
        raise Invalid(f"REELBUS_VIDEOS: {words}", field="REELBUS_VIDEOS")
    return address.netloc


def _base_url(url: str) -> str:
    if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc):
        setting = "REELBUS_VERTEX_BASE_URL"
        raise Invalid(f"{setting}: must be http://… or https://…, not {url!r}", field=setting)
    return url
