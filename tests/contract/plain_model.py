"""A paid family as it looks without Google's library, and without anything of `infra.gcp`: httpx and `infra.paid`.

It speaks to the scripted server in the words of Veo. It shows what a family outside Google needs, and that the suite's
promises about money come from `infra.paid` alone.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import httpx

from infra.paid.echo import texts_of, without_echo
from infra.paid.failures import object_of
from infra.paid.permit import SubmitPermit, send_once
from infra.paid.transport import PaidTransport
from schemas.domain.clip import Clip, Plan, PlannedClip
from schemas.errors import Category, Charged, Failure, Invalid, NotFound, SubmitRefused
from schemas.ports import Answer, Foreign, GenerationDone, GenerationFailed, GenerationRunning, Missing, VideoStore
from schemas.wire.request import VideoRequest

MODEL = "veo-3.1-fast-generate-001"
PREFIX = "plain:"
FIELDS = frozenset({"prompt", "duration_seconds", "aspect_ratio", "resolution", "generate_audio"})
"""The fields of a request that this model uses; it refuses every other that is set."""
_PATH = f"v1beta1/projects/acme/locations/us-central1/publishers/google/models/{MODEL}"
_REFUSALS = {400: Category.INVALID_REQUEST, 403: Category.AUTH, 404: Category.UPSTREAM, 429: Category.QUOTA}
_ENDS = {
    3: (Category.INVALID_REQUEST, False, Charged.NO),
    8: (Category.CAPACITY, True, Charged.NO),
    13: (Category.UPSTREAM, True, Charged.UNKNOWN),
}


class PlainClassifier:
    """The `AnswerClassifier`: what the answers mean."""

    name = "The plain provider"

    def operation_name(self, answer: Mapping[str, Any]) -> str:
        return str(answer.get("name", ""))

    def refusal_of(
        self, status: int, body: bytes, texts: Sequence[str] = (), *, comes_again: bool = False
    ) -> Failure | None:
        del texts, comes_again
        category = _REFUSALS.get(status)
        if category is None or not body.strip():
            return None
        return Failure(
            category=category,
            code="refused",
            message=f"The provider refused the request (HTTP {status}).",
            retryable=category is Category.QUOTA,
            charged=Charged.NO,
        )


class PlainModel:
    """`VideoModel` over plain HTTP."""

    poll_every_s = 10.0

    def __init__(self, url: str, videos: VideoStore, bucket: str, boot: Callable[[], float]) -> None:
        self._url, self._videos, self._bucket, self._boot = f"{url}/{_PATH}", videos, bucket, boot
        self._transport = PaidTransport(PlainClassifier())
        self._http = httpx.AsyncClient(transport=self._transport)

    async def prepare(self) -> None:
        """Do nothing: there is nothing to load."""

    def plan(self, request: VideoRequest) -> Plan:
        if request.model not in (None, MODEL):
            raise Invalid(f"model must be {MODEL}, not {request.model!r}", field="model")
        request.check_used(FIELDS, MODEL)
        seconds = request.duration_seconds
        clip = PlannedClip(
            model=MODEL, seconds=seconds, billed_seconds=seconds, price_usd=Decimal(seconds) / 10, expected_s=60
        )
        return Plan(clips=(clip,))

    def makes(self, model: str) -> bool:
        return model == MODEL

    async def submit(
        self, request: VideoRequest, clip: Clip, sources: Sequence[str], *, send_before: float, previous: str = ""
    ) -> str:
        if not self.makes(clip.planned.model):
            words = "This version does not know the model; nothing was sent."
            raise SubmitRefused(
                Failure(category=Category.INTERNAL, code="unknown_plan", message=words, charged=Charged.NO)
            )
        order = {
            "instances": [{"prompt": request.prompt}],
            "parameters": {
                "sampleCount": 1,
                "storageUri": f"gs://{self._bucket}/{clip.prefix}",
                "durationSeconds": round(clip.planned.seconds),
                "aspectRatio": request.aspect_ratio,
                "resolution": request.resolution,
                "generateAudio": request.generate_audio,
            },
            "labels": {},
        }
        permit = SubmitPermit(send_before=send_before, boot=self._boot, texts=texts_of(request))
        send = partial(self._http.post, f"{self._url}:predictLongRunning", json=order)
        return f"{PREFIX}{await send_once(permit, send)}"

    async def poll(self, operation: str, *, request: VideoRequest | None = None) -> Answer:
        if not operation.startswith(PREFIX):
            return Foreign()
        name = operation.removeprefix(PREFIX)
        question = httpx.Request("POST", f"{self._url}:fetchPredictOperation", json={"operationName": name})
        try:
            answer = object_of(await self._transport.poll(question))
        except NotFound:
            return Missing()
        if not answer.get("done"):
            return GenerationRunning()
        made = answer.get("response", {})
        uris = [video["gcsUri"] for video in made.get("videos", ())]
        if uris:
            return GenerationDone(outputs=tuple(uri.removeprefix(f"gs://{self._bucket}/") for uri in uris))
        return GenerationFailed(failure=_failure(answer, without_echo(json.dumps(answer), texts_of(request))))

    async def recover(self, prefix: str) -> Sequence[str]:
        return [file.name for file in await self._videos.list(prefix) if file.name.endswith(".mp4")]

    async def discard(self, operation: str) -> None:
        """Do nothing: the provider can't stop a generation."""

    async def aclose(self) -> None:
        await self._http.aclose()


def _failure(answer: Mapping[str, Any], words: str) -> Failure:
    category, retryable, charged = _ENDS.get(
        answer.get("error", {}).get("code"), (Category.UPSTREAM, True, Charged.UNKNOWN)
    )
    if answer.get("response", {}).get("raiMediaFilteredCount"):
        category, retryable = Category.SAFETY_FILTER, False
    return Failure(category=category, code="failed", message=words[:300], retryable=retryable, charged=charged)
