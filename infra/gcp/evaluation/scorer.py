"""`VideoScorer` of Vertex AI: `EvaluateInstances` and `GenerateInstanceRubrics` of its evaluation service, over gRPC.

Google's asynchronous client speaks REST only with another HTTP library (google-cloud-aiplatform 2.7.0, extra
`async_rest`), so it speaks gRPC, which it has without one.
"""

import asyncio
import math
import re
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

import grpc
from google.api_core.exceptions import DeadlineExceeded, GoogleAPICallError
from google.auth import default
from google.auth.exceptions import GoogleAuthError
from google.cloud.aiplatform_v1beta1 import (
    EvaluateInstancesRequest,
    EvaluationServiceAsyncClient,
    GenerateInstanceRubricsRequest,
    MetricResult,
)
from google.cloud.aiplatform_v1beta1.services.evaluation_service.transports.grpc_asyncio import (
    EvaluationServiceGrpcAsyncIOTransport as Transport,
)

from infra.gcp.settings import EVALUATION, place_in
from infra.gcp.vertex.client import endpoint_of
from infra.gcp.vertex.operations import Location
from infra.gcp.vertex.tokens import SCOPE
from schemas.domain.evaluation import METRIC_REFUSED, NO_ANSWER, REFUSED
from schemas.errors import Invalid, Unavailable
from schemas.ports import NotScored, Score, VideoStore
from schemas.services.stored_file import read_stored_file
from schemas.wire.evaluation import Rubric, Verdict

INLINE_MAX_BYTES = 14_000_000
"""A request of Gemini's holds 20 MB, and base64 makes 4 bytes of 3 on its way to the model."""
_GRACE_S = 5.0
_RUBRIC_GROUP = "prompt"
_OPTIONS = (
    ("grpc.enable_retries", 0),  # each call may cost money
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
)
_REFUSALS = frozenset({400, 401, 403, 404, 429, 501})
_LATER = frozenset({401, 429, 500, 502, 503, 504})
_WORDS_AT_MOST = 500
_HTTP_OF_GRPC = {3: 400, 5: 404, 7: 403, 8: 429, 12: 501, 16: 401}
"""The status of HTTP for a code of google.rpc.Status."""
T = TypeVar("T")


async def open_scorer(
    address: SplitResult, *, videos: VideoStore, videos_url: str, scratch: Path, base_url: str = "", call_s: float
) -> "VertexScorer":
    """Open the service of `vertex://project/location`. Raises `Invalid`, and `Unavailable` without credentials.

    `base_url` is another address of it. Over http:// no token is sent.
    """
    project, region = place_in(address, EVALUATION)
    location = Location(project=project, location=region or "us-central1")
    store = urlsplit(videos_url)
    server = urlsplit(base_url or endpoint_of(location))
    if server.scheme not in ("http", "https") or not server.hostname or server.path.strip("/"):
        setting = "REELBUS_EVALUATION_BASE_URL"
        raise Invalid(f"{setting}: must be https://host or https://host:port, not {base_url!r}", field=setting)
    host = f"{server.hostname}:{server.port or 443}"
    if server.scheme == "http":
        transport = Transport(channel=grpc.aio.insecure_channel(host, options=_OPTIONS))
    else:
        try:
            credentials, _ = await asyncio.to_thread(default, scopes=[SCOPE])
        except GoogleAuthError as error:
            raise Unavailable(f"the evaluator has no credentials of Google: {error}") from error
        channel = Transport.create_channel(host, credentials=credentials, scopes=[SCOPE], options=_OPTIONS)
        transport = Transport(channel=channel)
    return VertexScorer(
        EvaluationServiceAsyncClient(transport=transport),
        location=f"projects/{location.project}/locations/{location.location}",
        videos=videos,
        bucket=store.netloc if store.scheme == "gs" else None,
        scratch=scratch,
        call_s=call_s,
    )


class VertexScorer:
    """Sends each call once, and waits `call_s` seconds for its answer."""

    def __init__(
        self,
        client: EvaluationServiceAsyncClient,
        *,
        location: str,
        videos: VideoStore,
        bucket: str | None,
        scratch: Path,
        call_s: float,
    ) -> None:
        self._client, self._location, self._call_s = client, location, call_s
        self._videos, self._bucket, self._scratch = videos, bucket, scratch

    async def generate_rubrics(self, prompt: str, *, metric: str) -> Sequence[Rubric]:
        """Return questions about the prompt. Raises `NotScored`."""
        request = GenerateInstanceRubricsRequest(
            location=self._location,
            contents=[_to_content("user", {"text": prompt})],
            predefined_rubric_generation_spec={"metric_spec_name": metric},
        )
        call = self._client.generate_instance_rubrics(request=request, retry=None, timeout=self._call_s)
        found = [
            Rubric(
                id=rubric.rubric_id,
                text=rubric.content.property.description,
                type=rubric.type_ or None,
                importance=int(rubric.importance),
            )
            for rubric in (await self._answer(call, metric)).generated_rubrics
            if rubric.content.property.description
        ]
        if not found:
            raise NotScored("the service made no questions about the prompt", outcome=NO_ANSWER, retryable=True)
        return found

    async def score(self, prompt: str, video: str, *, metric: str, rubrics: Sequence[Rubric] = ()) -> Score:
        """Score a stored video. Raises `NotScored`, and `Unavailable` for the video store."""
        request = EvaluateInstancesRequest(
            location=self._location,
            metrics=[{"predefined_metric_spec": {"metric_spec_name": metric}}],
            instance={
                "prompt": _to_data(_to_content("user", {"text": prompt})),
                "response": _to_data(_to_content("model", await self._to_part(video))),
                "rubric_groups": {_RUBRIC_GROUP: _to_group(rubrics)} if rubrics else {},
            },
        )
        call = self._client.evaluate_instances(request=request, retry=None, timeout=self._call_s)
        results = (await self._answer(call, metric)).metric_results
        if not results:
            raise NotScored("the answer has no result", outcome=NO_ANSWER, retryable=True)
        return _score_of(results[0], metric)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._client.transport.close()  # type: ignore[no-untyped-call]

    async def _to_part(self, video: str) -> Mapping[str, Any]:
        """Return the video as the service reads it: from the bucket, or in the request if it is in a local folder."""
        if self._bucket is not None:
            return {"file_data": {"mime_type": "video/mp4", "file_uri": f"gs://{self._bucket}/{video}"}}
        data = await read_stored_file(self._videos, video, scratch=self._scratch)
        if len(data) > INLINE_MAX_BYTES:
            words = f"a video in a local folder may have {INLINE_MAX_BYTES} bytes to be evaluated, not {len(data)}"
            raise NotScored(words, outcome=REFUSED, retryable=False)
        return {"inline_data": {"mime_type": "video/mp4", "data": data}}

    async def _answer(self, call: Awaitable[T | None], metric: str) -> T:
        """Return the answer. Raises `NotScored`."""
        try:
            async with asyncio.timeout(self._call_s + _GRACE_S):
                answer = await call
        except (DeadlineExceeded, TimeoutError) as error:
            words = f"the service did not answer in {self._call_s:g} s"
            raise NotScored(words, outcome=NO_ANSWER, retryable=True) from error
        except GoogleAPICallError as error:
            raise _to_not_scored(int(error.code or 500), str(error.message), metric) from error
        except GoogleAuthError as error:
            raise NotScored(f"no token: {error}"[:_WORDS_AT_MOST], outcome=REFUSED, retryable=True) from error
        if answer is None:  # what grpc returns for bytes that are no message
            raise NotScored("the answer can't be read", outcome=NO_ANSWER, retryable=True)
        return answer


def _to_content(role: str, part: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"role": role, "parts": [part]}


def _to_data(content: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"contents": {"contents": [content]}}


def _to_group(rubrics: Sequence[Rubric]) -> Mapping[str, Any]:
    rows = [
        {
            "rubric_id": rubric.id,
            "content": {"property": {"description": rubric.text}},
            "importance": rubric.importance,
            **({"type_": rubric.type} if rubric.type else {}),
        }
        for rubric in rubrics
    ]
    return {"group_id": _RUBRIC_GROUP, "rubrics": rows}


def _score_of(result: MetricResult, metric: str) -> Score:
    """Read one result. Raises `NotScored` if it has no score from 0 to 1."""
    if "error" in result and result.error.code:
        status = _HTTP_OF_GRPC.get(result.error.code, 500)
        raise _to_not_scored(status, result.error.message, metric)
    if "score" not in result or not math.isfinite(result.score) or not 0 <= result.score <= 1:
        raise NotScored("the answer has no score from 0 to 1", outcome=NO_ANSWER, retryable=True)
    verdicts = tuple(
        Verdict(
            text=verdict.evaluated_rubric.content.property.description,
            holds=verdict.verdict,
            reason=verdict.reasoning or None,
        )
        for verdict in result.rubric_verdicts
    )
    return Score(score=round(result.score, 4), verdicts=verdicts)


def _to_not_scored(status: int, message: str, metric: str) -> NotScored:
    """Say what an error means. A refusal that names the metric is about the metric, and not about the video."""
    words = f"{status}: {message}"[:_WORDS_AT_MOST]
    if status in (400, 404, 501) and _names_metric(message, metric):
        return NotScored(words, outcome=METRIC_REFUSED, retryable=True)
    outcome = REFUSED if status in _REFUSALS else NO_ANSWER
    return NotScored(words, outcome=outcome, retryable=status in _LATER)


def _names_metric(message: str, metric: str) -> bool:
    return metric in message or re.search(r"metric.?spec.?name|predefined.?metric", message, re.IGNORECASE) is not None
