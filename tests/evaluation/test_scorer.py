"""Google's own client against the service on the wire: where a call goes, what it holds, and what each answer means."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import pytest
from google.auth.exceptions import DefaultCredentialsError
from google.oauth2.credentials import Credentials

from infra.embedded.videos import FolderVideos
from infra.gcp.evaluation import scorer as module
from infra.gcp.evaluation.scorer import INLINE_MAX_BYTES, VertexScorer, open_scorer
from schemas.domain.evaluation import METRIC_REFUSED, NO_ANSWER, REFUSED
from schemas.errors import Invalid, Unavailable
from schemas.ports import NotScored
from schemas.wire.evaluation import Rubric
from tests.courier.certs import tls_of
from tests.evaluation.service import ASKED, EVALUATE, RUBRICS, Answer, EvaluationService, open_service

METRIC = "gecko_text2video_v2"
PROMPT = "A red kite over a beach"
PLACE = "vertex://acme/europe-west4"
VIDEO = "generated-videos/video_1.mp4"
Status = grpc.StatusCode


async def scorer_at(
    url: str, folder: Path, *, place: str = PLACE, videos_url: str = "gs://acme-videos", call_s: float = 60
) -> VertexScorer:
    videos = await FolderVideos.open(folder, "http://facade")
    return await open_scorer(
        urlsplit(place), videos=videos, videos_url=videos_url, scratch=folder, base_url=url, call_s=call_s
    )


@pytest.fixture
async def scorer(service: EvaluationService, tmp_path: Path) -> AsyncIterator[VertexScorer]:
    scorer = await scorer_at(service.url, tmp_path)
    yield scorer
    await scorer.aclose()


async def test_a_video_of_a_bucket_is_named_and_not_sent(service: EvaluationService, scorer: VertexScorer) -> None:
    found = await scorer.score(PROMPT, VIDEO, metric=METRIC)
    assert (found.score, [(each.text, each.holds) for each in found.verdicts]) == (0.5, [("made for this video", True)])
    (call,) = service.calls
    assert (call.method, call.metric, call.token) == (EVALUATE, METRIC, None)
    assert call.body["location"] == "projects/acme/locations/europe-west4"
    (prompt,), (response,) = (call.body["instance"][part]["contents"]["contents"] for part in ("prompt", "response"))
    assert (prompt["role"], [part["text"] for part in prompt["parts"]]) == ("user", [PROMPT])
    file = {"mime_type": "video/mp4", "file_uri": f"gs://acme-videos/{VIDEO}"}
    assert (response["role"], [part["file_data"] for part in response["parts"]]) == ("model", [file])


async def test_questions_are_made_from_the_prompt_and_asked_about_the_video(
    service: EvaluationService, scorer: VertexScorer
) -> None:
    rubrics = await scorer.generate_rubrics(PROMPT, metric=METRIC)
    assert [rubric.text for rubric in rubrics] == list(ASKED)
    found = await scorer.score(PROMPT, VIDEO, metric=METRIC, rubrics=rubrics)
    assert [(each.text, each.holds) for each in found.verdicts] == [(ASKED[0], True), (ASKED[1], False)]
    made, scored = service.calls
    assert (made.method, made.metric, made.body["location"]) == (
        RUBRICS,
        METRIC,
        "projects/acme/locations/europe-west4",
    )
    assert made.body["contents"][0]["parts"][0]["text"] == PROMPT
    (group,) = scored.body["instance"]["rubric_groups"].values()
    assert [(each["rubric_id"], each["content"]["property"]["description"]) for each in group["rubrics"]] == [
        ("r0", ASKED[0]),
        ("r1", ASKED[1]),
    ]


async def test_a_rubric_keeps_its_type_and_importance(service: EvaluationService, scorer: VertexScorer) -> None:
    rubric = Rubric(id="r", text="a red kite", type="OBJECT", importance=1)
    await scorer.score(PROMPT, VIDEO, metric=METRIC, rubrics=[rubric])
    (group,) = service.calls[0].body["instance"]["rubric_groups"].values()
    assert (group["rubrics"][0]["type_"], group["rubrics"][0]["importance"]) == ("OBJECT", 1)


async def test_a_video_of_a_local_folder_is_sent(service: EvaluationService, tmp_path: Path) -> None:
    local = await scorer_at(service.url, tmp_path, videos_url=f"file://{tmp_path}")
    videos = await FolderVideos.open(tmp_path, "http://facade")
    await videos.put(VIDEO, b"\x00\x01 a video", content_type="video/mp4")
    await local.score(PROMPT, VIDEO, metric=METRIC)
    await videos.put(f"{VIDEO}4", b"\0" * (INLINE_MAX_BYTES + 1), content_type="video/mp4")
    with pytest.raises(NotScored, match=f"may have {INLINE_MAX_BYTES} bytes") as large:
        await local.score(PROMPT, f"{VIDEO}4", metric=METRIC)
    await local.aclose()
    assert (large.value.outcome, large.value.retryable) == (REFUSED, False)
    (call,) = service.calls
    part = call.body["instance"]["response"]["contents"]["contents"][0]["parts"][0]
    assert part["inline_data"] == {"mime_type": "video/mp4", "data": "AAEgYSB2aWRlbw=="}


@pytest.mark.parametrize(
    ("answer", "outcome", "retryable", "words"),
    [
        (Answer(status=Status.RESOURCE_EXHAUSTED, words="Quota"), REFUSED, True, "429: Quota"),
        (Answer(status=Status.INTERNAL, words="Oops"), NO_ANSWER, True, "500: Oops"),
        (Answer(status=Status.UNAVAILABLE, words="Later"), NO_ANSWER, True, "503: Later"),
        (Answer(status=Status.PERMISSION_DENIED, words="No"), REFUSED, False, "403: No"),
        (Answer(status=Status.INVALID_ARGUMENT, words="The video is too long"), REFUSED, False, "400: The video"),
        (
            Answer(status=Status.INVALID_ARGUMENT, words=f"{METRIC} is not supported"),
            METRIC_REFUSED,
            True,
            "400: gecko",
        ),
        (Answer(status=Status.NOT_FOUND, words="Unknown metric_spec_name."), METRIC_REFUSED, True, "404: Unknown"),
        (Answer(status=Status.INTERNAL, words=f"{METRIC} broke"), NO_ANSWER, True, "500: gecko"),
        (Answer(error=(3, f"{METRIC} is not supported")), METRIC_REFUSED, True, "400: gecko"),
        (Answer(error=(8, "Quota")), REFUSED, True, "429: Quota"),
        (Answer(raw=b"\xff\xff\xff no message"), NO_ANSWER, True, "can't be read"),
        (Answer(raw=b""), NO_ANSWER, True, "has no result"),
        (Answer(score=None), NO_ANSWER, True, "no score from 0 to 1"),
        (Answer(score=-0.1), NO_ANSWER, True, "no score from 0 to 1"),
        (Answer(score=float("inf")), NO_ANSWER, True, "no score from 0 to 1"),
    ],
)
async def test_an_answer_without_a_score(
    service: EvaluationService, scorer: VertexScorer, answer: Answer, outcome: str, retryable: bool, words: str
) -> None:
    service.answers.append(answer)
    with pytest.raises(NotScored, match=words) as caught:
        await scorer.score(PROMPT, VIDEO, metric=METRIC)
    assert (caught.value.outcome, caught.value.retryable) == (outcome, retryable)
    assert len(service.calls) == 1  # Google's client repeats nothing


async def test_a_call_that_is_not_answered_ends(service: EvaluationService, tmp_path: Path) -> None:
    service.answers.append(Answer(hangs=True))
    impatient = await scorer_at(service.url, tmp_path, call_s=0.2)
    with pytest.raises(NotScored, match=r"did not answer in 0\.2 s") as caught:
        await impatient.score(PROMPT, VIDEO, metric=METRIC)
    await impatient.aclose()
    assert (caught.value.outcome, len(service.calls)) == (NO_ANSWER, 1)


async def test_no_questions_are_no_answer(service: EvaluationService, scorer: VertexScorer) -> None:
    service.rubric_answers.append(Answer(raw=b""))
    with pytest.raises(NotScored, match="no questions"):
        await scorer.generate_rubrics(PROMPT, metric=METRIC)


class Renewable(Credentials):
    """Credentials whose tokens are numbered."""

    count = 0

    def refresh(self, request: Any) -> None:
        self.count += 1
        self.token = f"token-{self.count}"
        self.expiry = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=1)


async def test_a_token_is_sent_over_tls_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls_of(tmp_path, "localhost")
    both = (tmp_path / "both.pem").read_bytes()
    begin = both.index(b"-----BEGIN CERTIFICATE-----")
    key, certificate = both[:begin], both[begin:]
    trusted = grpc.ssl_channel_credentials(root_certificates=certificate)

    def trust(call: grpc.CallCredentials) -> grpc.ChannelCredentials:
        return grpc.composite_channel_credentials(trusted, call)

    monkeypatch.setattr(grpc, "compute_engine_channel_credentials", trust)
    monkeypatch.setattr(module, "default", lambda **_: (Renewable(None), "acme"))  # type: ignore[no-untyped-call]
    async with open_service(grpc.ssl_server_credentials([(key, certificate)])) as service:
        scorer = await scorer_at(service.url, tmp_path)
        await scorer.score(PROMPT, VIDEO, metric=METRIC)
        await scorer.aclose()
    assert [call.token for call in service.calls] == ["Bearer token-1"]


async def test_without_credentials_it_does_not_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def find(**_: Any) -> None:
        raise DefaultCredentialsError("none are set")  # type: ignore[no-untyped-call]

    monkeypatch.setattr(module, "default", find)
    with pytest.raises(Unavailable, match="no credentials of Google: none are set"):
        await scorer_at("", tmp_path)


@pytest.mark.parametrize("url", ["ftp://host", "https://", "https://host/path", "host:443"])
async def test_another_address_must_be_one(tmp_path: Path, url: str) -> None:
    with pytest.raises(Invalid, match="REELBUS_EVALUATION_BASE_URL: must be https://host"):
        await scorer_at(url, tmp_path)
