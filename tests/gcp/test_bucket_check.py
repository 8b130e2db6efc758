"""What a finished job needs of its bucket is tried at the start, before anything is paid."""

import logging
from urllib.parse import parse_qs, urlsplit

import pytest

from infra.adapters import Adapters
from infra.gcp.settings import bucket_settings
from schemas.errors import Invalid
from schemas.ports import VideoStore
from tests.gcp.emulated import Project
from tests.gcp.rest import SIGNED, SIGNER, Google, google

__all__ = ["google"]


async def _opened(adapters: Adapters, address: str) -> VideoStore:
    return await adapters.videos(address, base_url="http://facade", check=True)


async def _refusal(address: str) -> str:
    async with Adapters() as adapters:
        with pytest.raises(Invalid) as refused:
            await _opened(adapters, address)
    assert refused.value.field == "REELBUS_VIDEOS"
    assert "\n" not in str(refused.value)
    return str(refused.value)


async def test_a_login_that_can_t_sign_is_told_what_can(google: Google) -> None:
    words = await _refusal("gs://films?urls=signed")
    assert "can't sign URLs" in words
    assert "signer=" in words
    assert google.asked == []


async def test_google_signs_for_a_service_account_that_is_named(google: Google) -> None:
    async with Adapters() as adapters:
        videos = await _opened(adapters, SIGNED)
        url = urlsplit(await videos.url_for("generated-videos/a.mp4"))
    assert parse_qs(url.query)["X-Goog-Credential"][0].startswith(f"{SIGNER}/")
    assert google.asked.count(f"/v1/projects/-/serviceAccounts/{SIGNER}:signBlob") == 2


async def test_a_signature_that_is_refused_is_told_at_the_start(google: Google) -> None:
    google.signature = 403
    assert "URLs can't be signed" in await _refusal(SIGNED)


async def test_a_signature_that_is_out_of_reach_ends_no_start(
    google: Google, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("google.cloud.storage._signing.DEFAULT_RETRY", lambda call: call)
    google.signature = 500
    with caplog.at_level(logging.WARNING):
        async with Adapters() as adapters:
            await _opened(adapters, SIGNED)
    assert [record.action for record in caplog.records if hasattr(record, "action")] == ["videos_unchecked"]


async def test_a_bucket_that_is_missing_is_told_at_the_start(google: Google) -> None:
    google.bucket = 404
    assert "there is no bucket films" in await _refusal("gs://films")


async def test_a_right_that_is_missing_is_told_at_the_start(google: Google) -> None:
    google.permissions -= {"storage.objects.create"}
    words = await _refusal("gs://films")
    assert "lack storage.objects.create on the bucket films" in words


@pytest.mark.emulator
async def test_on_an_emulator_a_bucket_must_exist(project: Project) -> None:
    assert f"there is no bucket {project.bucket}" in await _refusal(project.videos_url)
    project.create_bucket()
    async with Adapters() as adapters:
        await _opened(adapters, project.videos_url)


@pytest.mark.parametrize(
    "address",
    [
        "gs://films?urls=signed&base=https://cdn.example.com",
        f"gs://films?signer={SIGNER}",
        "gs://films?urls=signed&signer=me",
        "gs://films?base=https://cdn.example.com/a b",
    ],
)
def test_options_that_do_not_fit_together_are_refused(address: str) -> None:
    with pytest.raises(Invalid, match="REELBUS_VIDEOS"):
        bucket_settings(urlsplit(address))
