"""The same wire with a real Cloud Storage server between the model and the store."""

from pathlib import Path

import pytest

from infra.adapters import Adapters
from infra.media.probe import probe
from schemas.errors import SubmitRefused
from schemas.services.reference_images import claim_image
from tests.gcp.emulated import Project
from tests.vertex.depot import BucketDepot
from tests.vertex.rig import VEO, Rig, a_request, adapter
from tests.vertex.server import vertex_at
from tests.vertex.test_orders import IMAGE


async def test_films_land_in_the_bucket_and_are_found_there(project: Project, tmp_path: Path) -> None:
    project.create_bucket()
    depot = BucketDepot(project.environment["STORAGE_EMULATOR_HOST"], project.bucket)
    async with Adapters() as adapters, vertex_at(depot) as vertex:
        videos = await adapters.videos(project.videos_url, base_url="http://facade")
        model = adapter(vertex.url, videos, bucket=project.bucket)
        rig = Rig(vertex, model, videos, tmp_path)
        request = await claim_image(a_request(model=VEO, duration_seconds=9, reference_image=IMAGE), videos)
        name = await rig.made(request)
        assert list(await model.recover("work/Job_1/1/")) == [name]
        await videos.fetch(name, tmp_path / "film.mp4")
        assert probe(tmp_path / "film.mp4").duration_seconds == 11
        missing = a_request(model=VEO, reference_image=f"gs://{project.bucket}/nothing.png")
        with pytest.raises(SubmitRefused, match="was not found"):
            await rig.submit(missing)
        await model.aclose()
