"""In which buckets a caller's reference image may lie."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from infra.adapters import Adapters
from infra.gcp.settings import bucket_settings
from schemas.errors import Invalid, NotFound
from schemas.services.reference_images import claim_image
from schemas.wire.request import IMAGE_MAX_BYTES, VideoRequest
from tests.gcp.emulated import Project


def request_with(reference: str) -> VideoRequest:
    return VideoRequest(job_id="one", prompt="a slow pan over a desk", reference_image=reference)


@pytest.mark.emulator
@pytest.mark.parametrize("from_bus", [False, True])
async def test_our_own_and_those_of_the_setting(project: Project, from_bus: bool) -> None:
    async with Adapters() as adapters:
        videos = await adapters.videos(project.videos_url, base_url="", reference_buckets="shared-images, more.images")
        for place in (f"{project.bucket}/references", "shared-images", "more.images"):
            request = request_with(f"gs://{place}/frame.png")
            assert await claim_image(request, videos, from_bus=from_bus) == request
        for bucket in ("foreign", "shared-images-2", f"{project.bucket}.evil", "shared"):
            with pytest.raises(Invalid, match=rf"can't be read from gs://{bucket}/.*shared-images") as caught:
                await claim_image(request_with(f"gs://{bucket}/shared-images/a.png"), videos, from_bus=from_bus)
            assert caught.value.field == "reference_image"


@pytest.mark.emulator
@pytest.mark.parametrize("listed", ["", "{bucket}"])
@pytest.mark.parametrize("folder", ["posters/", "work/one/0/1/", "generated-videos/", "referrers/", ""])
async def test_what_else_lies_in_our_own_bucket_is_somebodys(project: Project, folder: str, listed: str) -> None:
    """Whether the setting names the bucket or not."""
    async with Adapters() as adapters:
        own = listed.format(bucket=project.bucket)
        videos = await adapters.videos(project.videos_url, base_url="", reference_buckets=own)
        with pytest.raises(Invalid, match=f"this deployment reads images from gs://{project.bucket}/references/; "):
            await claim_image(request_with(f"gs://{project.bucket}/{folder}frame.png"), videos)


def test_a_list_of_nothing_is_none() -> None:
    assert bucket_settings(urlsplit("gs://own"), reference_buckets=" , ").reference_buckets == frozenset()


@pytest.mark.parametrize("names", ["gs://shared", "shared/images", "*", "UPPER", "a b"])
def test_what_is_no_bucket_is_refused_at_the_start(names: str) -> None:
    with pytest.raises(Invalid, match="REELBUS_REFERENCE_BUCKETS: must be names of buckets"):
        bucket_settings(urlsplit("gs://own"), reference_buckets=names)


@pytest.mark.emulator
async def test_an_image_in_a_bucket_is_fetched_by_its_uri_and_no_large_file_is(
    project: Project, tmp_path: Path
) -> None:
    shared = replace(project, bucket=f"{project.bucket}-images")
    for each in (project, shared):
        each.create_bucket()
    async with Adapters() as adapters:
        theirs = await adapters.videos(shared.videos_url, base_url="")
        await theirs.put("frame.png", b"an image", content_type="image/png")
        await theirs.put("film.mp4", bytes(IMAGE_MAX_BYTES + 1), content_type="video/mp4")
        videos = await adapters.videos(project.videos_url, base_url="", reference_buckets=shared.bucket)
        await videos.fetch(f"gs://{shared.bucket}/frame.png", tmp_path / "frame")
        assert (tmp_path / "frame").read_bytes() == b"an image"
        with pytest.raises(NotFound):
            await videos.fetch(f"gs://{shared.bucket}/nothing.png", tmp_path / "nothing")
        with pytest.raises(Invalid, match="at most 20,000,000 bytes"):
            await videos.fetch(f"gs://{shared.bucket}/film.mp4", tmp_path / "film")
        with pytest.raises(Invalid):
            await videos.fetch("gs://foreign/frame.png", tmp_path / "foreign")
