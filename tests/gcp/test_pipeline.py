"""A whole job on Google's emulators, from the facade's desk to the worker's film: what it takes, and what it leaves."""

import asyncio
import base64
import hashlib
import json
import random
import re
import struct
import zlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from google.cloud.firestore_v1.services.firestore import FirestoreAsyncClient
from google.cloud.firestore_v1.types import Write
from google.cloud.pubsub_v1 import PublisherClient
from google.cloud.storage import Blob

from infra.gcp.firestore import parked
from infra.media.probe import probe
from publisher.compose import open_context as open_publisher
from publisher.context import PublisherContext
from publisher.settings import PublisherSettings
from publisher.submit import submit
from publisher.waiting import Waiters
from schemas.domain.job import Job
from schemas.domain.object_names import FINALS, REFERENCES
from schemas.domain.states import JobState
from schemas.ports import COMPLETIONS, REQUESTS
from schemas.wire.completion import Outcome
from schemas.wire.message import Message, decode_command, decode_completion
from schemas.wire.request import VideoRequest
from subscriber.compose import open_context as open_worker
from subscriber.settings import WorkerSettings
from subscriber.worker import Worker
from tests.gcp.emulated import Project
from tests.vertex.depot import BucketDepot
from tests.vertex.rig import OMNI, VEO_FAST, a_request
from tests.vertex.server import WireVertex, vertex_at

pytestmark = pytest.mark.emulator

PATIENCE_S = 60.0
SECONDS = 4
HEARTBEATS = b"/documents/workers/"
WRITES = ("commit", "batch_write", "write", "create_document", "update_document", "delete_document")
READS = ("batch_get_documents", "get_document", "list_documents", "run_query", "run_aggregation_query")
models = pytest.mark.parametrize("model", [OMNI, VEO_FAST])


@dataclass
class Tap:
    """What both sides together ask of Firestore and hand to Pub/Sub, from before the worker starts."""

    asked: Counter[str] = field(default_factory=Counter)
    written: list[bytes] = field(default_factory=list)
    published: list[tuple[str, Message]] = field(default_factory=list)
    uploaded: list[str] = field(default_factory=list)

    @property
    def writes(self) -> int:
        return sum(self.asked[name] for name in WRITES)

    @property
    def reads(self) -> int:
        return sum(self.asked[name] for name in READS)

    def into(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in (*WRITES, *READS):
            monkeypatch.setattr(FirestoreAsyncClient, name, self._counted(name))
        monkeypatch.setattr(PublisherClient, "publish", self._heard(PublisherClient.publish))
        for name in ("upload_from_string", "upload_from_filename"):
            monkeypatch.setattr(Blob, name, self._uploads(getattr(Blob, name)))

    def _counted(self, name: str) -> Any:
        call = getattr(FirestoreAsyncClient, name)

        def counted(client: FirestoreAsyncClient, request: Any = None, **named: Any) -> Any:
            writes = [Write.serialize(write) for write in request["writes"]] if name == "commit" else []
            looks = name == "run_query" and _collection_of(request) == parked.COLLECTION
            # A worker leaves a heartbeat each minute, and looks for parked jobs twice, however many jobs it has.
            if not looks and not any(HEARTBEATS in write for write in writes):
                self.asked[name] += 1
            self.written += writes
            return call(client, request, **named)

        return counted

    def _uploads(self, upload: Any) -> Any:
        def noted(blob: Blob, *content: Any, **named: Any) -> Any:
            self.uploaded.append(blob.name)
            return upload(blob, *content, **named)

        return noted

    def _heard(self, publish: Any) -> Any:
        def heard(client: Any, topic: str, data: bytes, **attributes: Any) -> Any:
            self.published.append((topic.rpartition("/")[2], Message(data=data, attributes=attributes)))
            return publish(client, topic, data, **attributes)

        return heard


def _collection_of(request: Any) -> str:
    """Where a query looks."""
    (source,) = request["structured_query"].from_
    return str(source.collection_id)


@dataclass(frozen=True)
class Pipeline:
    """A desk with its waiters, and the outside world."""

    desk: PublisherContext
    waiters: Waiters
    vertex: WireVertex
    tap: Tap
    project: Project
    scratch: Path

    async def made(self, request: VideoRequest) -> Job:
        """The job as the caller who waited for it saw it; afterwards no worker runs."""
        settings = WorkerSettings(
            data_dir=self.scratch,
            bus=self.project.bus_url,
            jobs=self.project.jobs_url,
            videos=self.project.videos_url,
            model="vertex://acme/us-central1",
            vertex_base_url=self.vertex.url,
        )
        async with _working(settings):
            with self.waiters.register(request.job_id) as place:
                job = await place.end(PATIENCE_S, look=(await submit(self.desk, request)).ended)
        assert job is not None, self.tap
        assert job.state is JobState.SUCCEEDED, job.failure
        return job


@asynccontextmanager
async def _working(settings: WorkerSettings) -> AsyncIterator[None]:
    """A worker as its process runs it, drained at the end."""
    stop, ready = asyncio.Event(), asyncio.Event()
    async with open_worker(settings) as ctx:
        worker = Worker(
            ctx=ctx,
            in_flight=settings.jobs_at_once,
            prefetch=settings.messages_beside,
            drain_s=PATIENCE_S,
            reconcile_every_s=settings.reconcile_every_s,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(worker.run(stop, ready=ready.set))
            await ready.wait()
            try:
                yield
            finally:
                stop.set()


@pytest.fixture
async def pipeline(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pipeline]:
    project.set_up()
    settings = PublisherSettings(
        data_dir=tmp_path, bus=project.bus_url, jobs=project.jobs_url, videos=project.videos_url
    )
    tap = Tap()
    depot = BucketDepot(project.environment["STORAGE_EMULATOR_HOST"], project.bucket)
    async with vertex_at(depot) as vertex, open_publisher(settings) as desk, Waiters(desk) as waiters:
        tap.into(monkeypatch)
        yield Pipeline(desk, waiters, vertex, tap, project, tmp_path)


@models
async def test_a_clip_takes_four_writes_three_reads_and_two_messages(pipeline: Pipeline, model: str) -> None:
    tap, vertex = pipeline.tap, pipeline.vertex
    await pipeline.made(a_request(model=model, duration_seconds=SECONDS))
    assert tap.writes <= 4, tap.asked
    assert tap.reads <= 3, tap.asked
    assert [topic for topic, _ in tap.published] == [REQUESTS, COMPLETIONS]
    prefixes = [name.partition("/")[0] for name in tap.uploaded]
    assert (tap.uploaded[0], prefixes) == (
        "work/Job_1/0/1/submit.json",
        ["work", "generated-videos", "posters", "checks"],
    )
    assert (vertex.books.posts, len(vertex.books.accepted), vertex.books.refused) == (1, 1, [])


@models
async def test_everybody_names_the_same_film_and_it_plays(pipeline: Pipeline, model: str, tmp_path: Path) -> None:
    seen = await pipeline.made(a_request(model=model, duration_seconds=SECONDS))
    stored = await pipeline.desk.jobs.get(seen.job_id)
    completion = decode_completion(pipeline.tap.published[-1][1])
    (film,) = await pipeline.desk.videos.list(FINALS)
    assert re.fullmatch(rf"generated-videos/video_\d{{8}}_\d{{6}}_{seen.job_id}\.mp4", film.name)
    assert stored is not None
    assert stored.result is not None
    assert seen.result is not None
    assert not stored.completion_due
    assert completion.state is Outcome.SUCCEEDED
    assert {seen.result.gcs_path, stored.result.gcs_path, completion.gcs_path} == {film.name}
    await pipeline.desk.videos.fetch(film.name, tmp_path / "film.mp4")
    assert probe(tmp_path / "film.mp4", decode=True).frames == SECONDS * 24


@models
async def test_a_large_image_travels_by_its_address_alone(pipeline: Pipeline, model: str, tmp_path: Path) -> None:
    image = _png(1920, 1080)
    assert len(image) > 6_000_000
    encoded = base64.b64encode(image).decode()
    request = a_request(model=model, duration_seconds=SECONDS, reference_image=f"data:image/png;base64,{encoded}")
    await pipeline.made(request)
    name = f"{REFERENCES}{hashlib.sha256(image).hexdigest()}.png"
    await pipeline.desk.videos.fetch(name, tmp_path / "image.png")
    assert (tmp_path / "image.png").read_bytes() == image
    (accepted,) = pipeline.vertex.books.accepted
    assert f"gs://{pipeline.project.bucket}/{name}" in _texts(accepted.body)
    sent = decode_command(pipeline.tap.published[0][1])
    assert isinstance(sent, VideoRequest)
    assert sent.reference_image == f"reelbus:{name}"
    messages = [message.data for _, message in pipeline.tap.published]
    for travelled in (*messages, *pipeline.tap.written, json.dumps(accepted.body).encode()):
        assert len(travelled) < 20_000
        assert b"base64" not in travelled.lower()
        assert encoded[:24].encode() not in travelled


def _png(width: int, height: int) -> bytes:
    """Noise that does not compress: as large as it looks."""
    noise, row = random.Random(7), width * 3
    rows = b"".join(b"\0" + noise.randbytes(row) for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _texts(found: Any) -> set[str]:
    """Every text in a body."""
    if isinstance(found, dict):
        found = list(found.values())
    if isinstance(found, list):
        return {text for each in found for text in _texts(each)}
    return {found} if isinstance(found, str) else set()
