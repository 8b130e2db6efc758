"""What was damaged on its way to the bucket, or back, is never taken for the file."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from infra.adapters import Adapters
from infra.gcp import gcs_transfer
from infra.media.probe import probe
from schemas.domain.states import JobState
from schemas.errors import LocalDisk, NotFound, Unavailable
from schemas.ports import VideoStore
from subscriber.runner import JobRunner
from tests.disks import fill, small_disk
from tests.gcp.comparing import BUCKET, Bucket, comparing_server, crc32c, flip
from tests.unit.media_clips import Film
from tests.worker.bench import bench_in
from tests.worker.paid_model import PaidModel
from tests.worker.test_assembly import QuickClock

NAME = "generated-videos/a.mp4"
BIG = bytes(range(256)) * 36_000
"""Above the size that goes in one request."""
SIZES = pytest.mark.parametrize("data", [b"film" * 1000, BIG], ids=["at once", "resumable"])


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    with comparing_server() as (bucket, address):
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)
        yield bucket


@pytest.fixture
async def videos(bucket: Bucket) -> AsyncIterator[VideoStore]:
    async with Adapters() as adapters:
        yield await adapters.videos(f"gs://{BUCKET}", base_url="http://facade")


@SIZES
async def test_a_server_that_compares_is_given_a_checksum(
    videos: VideoStore, bucket: Bucket, data: bytes, tmp_path: Path
) -> None:
    (tmp_path / "film").write_bytes(data)
    bucket.damages_up = 1
    with pytest.raises(Unavailable, match="damaged on its way to Cloud Storage"):
        await videos.put(NAME, tmp_path / "film", content_type="video/mp4")
    assert (bucket.refused, bucket.objects) == (1, {})
    assert await videos.put(NAME, tmp_path / "film", content_type="video/mp4")
    assert bucket.objects[NAME][0] == data
    assert not await videos.put(NAME, b"another", content_type="video/mp4")


@pytest.mark.parametrize(("data", "tells"), [(b"film" * 1000, True), (b"film" * 1000, False), (BIG, True)])
async def test_what_a_server_stored_is_compared_with_what_was_sent(
    videos: VideoStore, bucket: Bucket, data: bytes, tells: bool
) -> None:
    bucket.compares, bucket.tells, bucket.damages_up = False, tells, 1
    with pytest.raises(Unavailable, match="damaged on its way to Cloud Storage"):
        await videos.put(NAME, data, content_type="video/mp4")
    assert bucket.objects == {}, "what is damaged does not keep the name"
    assert await videos.put(NAME, data, content_type="video/mp4")
    assert bucket.objects[NAME][0] == data


async def test_the_damaged_upload_of_a_worker_that_died_gives_its_name_free(videos: VideoStore, bucket: Bucket) -> None:
    claims = {gcs_transfer._WRITER: "a dead one", gcs_transfer._SENT: crc32c(b"film" * 99)}
    bucket.objects[NAME] = (flip(b"film" * 99), {"generation": "7", "metadata": claims})
    with pytest.raises(Unavailable, match="damaged"):
        await videos.put(NAME, b"film" * 99, content_type="video/mp4")
    assert await videos.put(NAME, b"film" * 99, content_type="video/mp4")


async def test_the_whole_upload_of_another_worker_or_an_earlier_release_stays(
    videos: VideoStore, bucket: Bucket
) -> None:
    for claims in (
        {gcs_transfer._WRITER: "another", gcs_transfer._SENT: crc32c(b"film")},
        {gcs_transfer._WRITER: "x"},
        {},
    ):
        bucket.objects[NAME] = (b"film", {"generation": "7", "metadata": claims})
        assert not await videos.put(NAME, b"mine", content_type="video/mp4")
        assert bucket.objects[NAME][0] == b"film"


@pytest.mark.parametrize("tells", [True, False])
async def test_a_damaged_download_is_no_file(videos: VideoStore, bucket: Bucket, tmp_path: Path, tells: bool) -> None:
    assert await videos.put(NAME, b"film" * 1000, content_type="video/mp4")
    bucket.damages_down = 1 if tells else 0
    if tells:
        with pytest.raises(Unavailable, match="damaged on its way from Cloud Storage"):
            await videos.fetch(NAME, tmp_path / "copy")
        assert not (tmp_path / "copy").exists()
    bucket.tells = tells
    await videos.fetch(NAME, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"film" * 1000
    with pytest.raises(NotFound):
        await videos.fetch("work/nothing.mp4", tmp_path / "nothing")


async def test_a_full_disk_is_no_fault_of_the_bucket(videos: VideoStore, bucket: Bucket, tmp_path: Path) -> None:
    assert await videos.put(NAME, b"film" * 100_000, content_type="video/mp4")
    with small_disk(tmp_path / "disk") as disk:
        ballast = fill(disk)
        with pytest.raises(LocalDisk, match="No space left"):
            await videos.fetch(NAME, disk / "copy")
        ballast.unlink()
        await videos.fetch(NAME, disk / "copy")
        assert (disk / "copy").stat().st_size == 400_000


@pytest.mark.parametrize("compares", [True, False])
async def test_a_job_whose_uploads_are_damaged_succeeds_with_a_file_that_plays(
    videos: VideoStore, bucket: Bucket, tmp_path: Path, compares: bool
) -> None:
    film = Film(seconds=2).write(tmp_path / "film.mp4").read_bytes()
    async with bench_in(tmp_path / "house", film) as bench:
        model = PaidModel(videos, film)
        ctx = replace(bench.ctx, videos=videos, model=model, clock=QuickClock())
        bucket.compares = compares
        job = await bench.queued(duration_seconds=1)
        carrier = JobRunner(ctx, job)
        deliver = model.deliver

        async def deliver_then_damage(prefix: str) -> str:
            name = await deliver(prefix)
            bucket.damages_up = 3
            return name

        model.deliver = deliver_then_damage  # type: ignore[method-assign]
        ended = await carrier.run()
    assert ended.result
    assert (ended.state, len(model.accepted), bucket.damages_up) == (JobState.SUCCEEDED, 1, 0)
    (tmp_path / "stored.mp4").write_bytes(bucket.objects[ended.result.gcs_path][0])
    assert probe(tmp_path / "stored.mp4", decode=True).duration_seconds == 1
