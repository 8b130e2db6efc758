"""In which buckets a caller's reference image may lie."""

from urllib.parse import urlsplit

import pytest

from infra.adapters import Adapters
from infra.gcp.gcs_settings import bucket_settings
from schemas.claim_check import claim_image
from schemas.errors import Invalid
from schemas.request import VideoRequest
from tests.gcp.emulated import Project


def request_with(reference: str) -> VideoRequest:
    return VideoRequest(job_id="one", prompt="a slow pan over a desk", reference_image=reference)


@pytest.mark.emulator
@pytest.mark.parametrize("from_bus", [False, True])
async def test_our_own_and_those_of_the_setting(project: Project, from_bus: bool) -> None:
    async with Adapters() as adapters:
        videos = await adapters.videos(project.videos_url, base_url="", reference_buckets="shared-images, more.images")
        for bucket in (project.bucket, "shared-images", "more.images"):
            request = request_with(f"gs://{bucket}/frame.png")
            assert await claim_image(request, videos, from_bus=from_bus) == request
        for bucket in ("foreign", "shared-images-2", f"{project.bucket}.evil", "shared"):
            with pytest.raises(Invalid, match=rf"can't be read from gs://{bucket}/.*shared-images") as caught:
                await claim_image(request_with(f"gs://{bucket}/shared-images/a.png"), videos, from_bus=from_bus)
            assert caught.value.field == "reference_image"


def test_a_list_of_nothing_is_none() -> None:
    assert bucket_settings(urlsplit("gs://own"), reference_buckets=" , ").reference_buckets == frozenset()


@pytest.mark.parametrize("names", ["gs://shared", "shared/images", "*", "UPPER", "a b"])
def test_what_is_no_bucket_is_refused_at_the_start(names: str) -> None:
    with pytest.raises(Invalid, match="REELBUS_REFERENCE_BUCKETS: must be names of buckets"):
        bucket_settings(urlsplit("gs://own"), reference_buckets=names)
