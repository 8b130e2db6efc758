"""From settings to the adapter: what is wrong with them is one sentence that names the variable."""

import subprocess
import sys
from pathlib import Path

import pytest

from infra.adapters import Adapters
from infra.embedded.videos import FolderVideos
from infra.gcp.vertex.adapter import Vertex
from schemas.errors import Invalid
from schemas.settings import Addresses
from subscriber.settings import WorkerSettings
from tests.vertex.rig import a_request

BUCKET = Addresses(videos="gs://films?urls=signed")


async def _open(url: str, settings: Addresses | None, folder: Path) -> Vertex:
    async with Adapters() as adapters:
        videos = await FolderVideos.open(folder, "http://facade")
        model = await adapters.model(url, videos=videos, scratch=folder, settings=settings)
        assert isinstance(model, Vertex)
        return model


@pytest.mark.parametrize("url", ["vertex://acme", "vertex://acme/us-central1", "vertex://acme/us-central1/"])
async def test_an_address_opens_it_without_a_word_to_google(url: str, tmp_path: Path) -> None:
    model = await _open(url, BUCKET, tmp_path)
    assert model.plan(a_request()).clips[0].model == "gemini-omni-1.2-flash"


@pytest.mark.parametrize(
    ("url", "settings", "words"),
    [
        ("vertex:", BUCKET, "REELBUS_PROVIDER: must be vertex://project"),
        ("vertex://acme/l/more", BUCKET, "REELBUS_PROVIDER: must be vertex://project"),
        (
            "vertex://acme/europe-west4",
            BUCKET,
            "REELBUS_PROVIDER: veo-3.1-fast-generate-001 is offered in us-",
        ),
        ("vertex://acme/global", BUCKET, "REELBUS_PROVIDER: veo-3.1-fast-generate-001 is offered in us-"),
        ("vertex://acme", None, "REELBUS_VIDEOS: must be gs://bucket with a vertex: model"),
        ("vertex://acme", Addresses(videos="file:///x"), "REELBUS_VIDEOS: must be gs://bucket"),
        ("vertex://acme", Addresses(videos="gs://b", fast_models="x"), "REELBUS_FAST_MODELS: model must be"),
        ("vertex://acme", Addresses(videos="gs://b", vertex_base_url="localhost:1"), "REELBUS_VERTEX_BASE_URL: must"),
    ],
)
async def test_what_is_wrong_with_the_settings(
    url: str, settings: Addresses | None, words: str, tmp_path: Path
) -> None:
    with pytest.raises(Invalid, match=words) as refusal:
        await _open(url, settings, tmp_path)
    assert refusal.value.field == words.partition(":")[0]


def test_the_worker_s_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELBUS_FAST_MODELS", "veo-3.1-lite-generate-001")
    monkeypatch.setenv("REELBUS_VERTEX_BASE_URL", "http://127.0.0.1:1")
    settings = WorkerSettings()
    assert (settings.fast_models, settings.quality_models) == ("veo-3.1-lite-generate-001", "")
    assert settings.vertex_base_url == "http://127.0.0.1:1"


def test_google_s_client_is_loaded_with_the_first_call_only() -> None:
    program = "import sys, infra.gcp.vertex.adapter; print(*[name for name in sys.argv[1:] if name in sys.modules])"
    heavy = ("google.genai", "google.auth", "vertexai", "google.cloud.aiplatform")
    out = subprocess.run([sys.executable, "-c", program, *heavy], capture_output=True, text=True, check=True)
    assert out.stdout.split() == []


async def test_a_location_does_not_matter_to_global_models(tmp_path: Path) -> None:
    omni = "gemini-omni-1.2-flash"
    settings = Addresses(videos="gs://films", fast_models=omni, quality_models=omni)
    model = await _open("vertex://acme/europe-west4", settings, tmp_path)
    assert model.plan(a_request()).clips[0].model == omni


async def test_a_model_that_may_be_switched_off_is_warned_of_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await _open("vertex://acme", BUCKET, tmp_path)
    warned = [vars(record)["model"] for record in caplog.records if vars(record).get("action") == "model_retires"]
    assert warned == ["veo-3.1-fast-generate-001", "veo-3.1-generate-001"]
