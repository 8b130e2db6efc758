"""What we ask of Cloud Storage: the addresses, signatures, and what happens when an answer gets lost."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.cloud.storage import Blob, Bucket, Client

from infra.adapters import Adapters
from infra.gcp.settings import BucketSettings, bucket_settings
from infra.gcp.storage import public_url
from schemas.errors import Invalid, Unavailable
from schemas.ports import VideoStore
from tests.gcp.emulated import Project

MP4 = "video/mp4"
NAME = "generated-videos/a.mp4"


@pytest.fixture
async def videos(project: Project) -> AsyncIterator[VideoStore]:
    project.create_bucket()
    async with Adapters() as adapters:
        yield await adapters.videos(project.videos_url, base_url="http://localhost:8000")


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A service account that nobody knows."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    account = {
        "type": "service_account",
        "project_id": "p",
        "private_key": pem,
        "client_email": "signer@p.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    path = tmp_path / "key.json"
    path.write_text(json.dumps(account))
    return path


@pytest.fixture
def in_production(monkeypatch: pytest.MonkeyPatch, key_file: Path) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_file))


async def url_for(address: str) -> str:
    async with Adapters() as adapters:
        return await (await adapters.videos(address, base_url="http://localhost:8000")).url_for(NAME)


@pytest.mark.usefixtures("in_production")
async def test_the_public_address() -> None:
    assert await url_for("gs://films") == f"https://storage.googleapis.com/films/{NAME}"
    assert await url_for("gs://films?base=https://cdn.example.com/v/") == f"https://cdn.example.com/v/{NAME}"


@pytest.mark.usefixtures("in_production")
async def test_a_signed_address_is_signed_when_it_is_asked_for() -> None:
    url = urlsplit(await url_for("gs://films?urls=signed&ttl=600"))
    said = parse_qs(url.query)
    assert (url.scheme, url.netloc, url.path) == ("https", "storage.googleapis.com", f"/films/{NAME}")
    assert said["X-Goog-Algorithm"] == ["GOOG4-RSA-SHA256"]
    assert said["X-Goog-Expires"] == ["600"]
    assert said["X-Goog-Credential"][0].startswith("signer@p.iam.gserviceaccount.com/")


@pytest.mark.parametrize(
    "address",
    [
        "gs://films?urls=signed&ttl=604801",
        "gs://films?urls=signed&ttl=0",
        "gs://films?urls=secret",
        "gs://films?colour=red",
        "gs://films?base=ftp://x",
        "gs://films/folder",
        "gs://",
    ],
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(Invalid) as caught:
        bucket_settings(urlsplit(address))
    assert caught.value.field == "REELBUS_VIDEOS"


@pytest.mark.emulator
async def test_on_an_emulator_the_address_leads_to_the_file(videos: VideoStore) -> None:
    await videos.put(NAME, b"film", content_type=MP4)
    async with httpx.AsyncClient() as viewer:
        response = await viewer.get(await videos.url_for(NAME))
    assert response.content == b"film"
    assert response.headers["content-type"] == MP4


@pytest.mark.emulator
async def test_every_upload_has_a_precondition_and_a_checksum(
    videos: VideoStore, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []
    upload = Blob._prep_and_do_upload

    def watched(self: Blob, *arguments: Any, **named: Any) -> Any:
        asked.append(named)
        return upload(self, *arguments, **named)

    monkeypatch.setattr(Blob, "_prep_and_do_upload", watched)
    (tmp_path / "film").write_bytes(b"x" * 9_000_000)  # above the size that goes in one request
    assert await videos.put(NAME, tmp_path / "film", content_type=MP4)
    assert await videos.put("work/b.mp4", b"y", content_type=MP4)
    assert [(each["if_generation_match"], each["checksum"]) for each in asked] == [(0, "crc32c")] * 2
    assert all(each["retry"] is not None for each in asked)
    (stored,) = await videos.list("generated-videos/")
    assert stored.size_bytes == 9_000_000


@pytest.mark.emulator
async def test_one_s_own_upload_is_known_when_its_answer_got_lost(
    videos: VideoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, lost = requests.Session.request, 0

    def losing(self: requests.Session, method: str, url: str, *arguments: Any, **named: Any) -> Any:
        nonlocal lost
        response = send(self, method, url, *arguments, **named)
        if method == "POST" and "/upload/" in url and not lost:
            lost += 1
            raise requests.exceptions.ConnectionError("reset")
        return response

    monkeypatch.setattr(requests.Session, "request", losing)
    assert await videos.put(NAME, b"film", content_type=MP4)
    assert lost == 1
    assert not await videos.put(NAME, b"another", content_type=MP4)


@pytest.mark.emulator
async def test_a_missing_bucket_is_unavailable(project: Project) -> None:
    async with Adapters() as adapters:
        videos = await adapters.videos(project.videos_url, base_url="http://localhost:8000")
        with pytest.raises(Unavailable, match="Cloud Storage"):
            await videos.put(NAME, b"film", content_type=MP4)


@pytest.mark.emulator
async def test_a_slow_bucket_never_blocks_the_loop(videos: VideoStore, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    answered = asyncio.Event()
    lookup = Bucket.get_blob

    def slow(self: Bucket, *arguments: Any, **named: Any) -> Any:
        asyncio.run_coroutine_threadsafe(answered.wait(), loop).result(20)  # only a free loop can end this
        return lookup(self, *arguments, **named)

    await videos.put(NAME, b"film", content_type=MP4)
    monkeypatch.setattr(Bucket, "get_blob", slow)
    putting = asyncio.create_task(videos.put(NAME, b"another", content_type=MP4))
    await videos.url_for(NAME)
    answered.set()
    assert not await putting


def test_the_emulators_address_can_be_overruled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    client = Client(project=None)
    assert public_url(client, BucketSettings(bucket="films"), NAME) == f"http://127.0.0.1:1/films/{NAME}"
    told = BucketSettings(bucket="films", base_url="https://cdn.example.com")
    assert public_url(client, told, NAME) == f"https://cdn.example.com/{NAME}"
    client.close()
