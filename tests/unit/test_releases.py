"""What every release stored and sent is read by this version; and what this version writes, the last release reads."""

import json
import tarfile
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from infra.adapters import Adapters
from infra.animatic.model import Animatic
from infra.animatic.pool import RenderPool
from infra.embedded.videos import FolderVideos
from schemas.domain.job import job_of_record, record_of
from schemas.domain.projections import completion_of
from schemas.domain.states import JobState
from schemas.errors import Invalid
from schemas.ports import JobQuery
from schemas.wire.completion import Completion
from schemas.wire.message import (
    Message,
    UnknownContent,
    decode_command,
    decode_completion,
    encode_cancel,
    encode_completion,
    encode_request,
)
from schemas.wire.request import CancelRequest
from subscriber.consumer import Inbox
from tests.corpus.reader import StrictReader
from tests.unit.makers import AT, a_job, after, played, started
from tests.unit.test_growth import WAYS, counted, grown

CORPUS = Path(__file__).parent.parent / "corpus"
RELEASES = sorted((path.parent for path in CORPUS.glob("*/records.json")), key=lambda path: path.name)
LAST = StrictReader(RELEASES[-1] / "schemas")
Entry = dict[str, Any]


def entries(name: str) -> list[Any]:
    """Every record or message of every release."""
    found = []
    for release in RELEASES:
        kept = json.loads((release / f"{name}.json").read_text("utf-8"))
        named = kept.items() if isinstance(kept, dict) else enumerate(kept)
        found += [pytest.param(entry, id=f"{release.name}-{key}") for key, entry in named]
    return found


def message_of(entry: Entry) -> Message:
    return Message(data=entry["data"].encode(), attributes=entry["attributes"])


def kind_of(entry: Entry) -> str:
    return str(entry["attributes"].get("ce-type", "broken")).split(".")[-2 if "ce-type" in entry["attributes"] else 0]


@pytest.mark.parametrize("entry", entries("records"))
def test_a_record_of_a_release_means_what_it_meant(entry: Entry) -> None:
    job = job_of_record("any", json.dumps(entry["stored"]))
    means = json.loads(job.model_dump_json())
    assert {key: means[key] for key in entry["means"]} == entry["means"]
    assert job.erased_at or job.request.fingerprint() == job.fingerprint
    assert job_of_record("any", record_of(job)) == job


@pytest.mark.parametrize("entry", entries("records"))
def test_a_record_of_a_release_can_grow(entry: Entry) -> None:
    record = grown(entry["stored"])
    again = json.loads(record_of(job_of_record("any", json.dumps(record))))
    assert counted(again) == counted(record) > 0


@pytest.mark.parametrize("entry", entries("records"))
def test_a_record_is_written_so_that_the_last_release_reads_it(entry: Entry) -> None:
    job = job_of_record("any", json.dumps(entry["stored"]))
    LAST.read("job", record_of(job))
    LAST.read("request", encode_request(job.request, at=AT).data)
    if job.ended:
        LAST.read("completion", encode_completion(completion_of(job, video_url=None), at=AT).data)


@pytest.mark.parametrize(("job", "event"), [pytest.param(*way, id=type(way[1]).__name__) for way in WAYS])
def test_what_a_step_writes_the_last_release_reads(job: Any, event: Any) -> None:
    seen = played(event, job=job)
    LAST.read("job", record_of(seen))
    if seen.ended:
        LAST.read("completion", encode_completion(completion_of(seen, video_url="https://x"), at=AT).data)


def test_a_cancel_is_written_so_that_the_last_release_reads_it() -> None:
    LAST.read("cancel", encode_cancel(CancelRequest(job_id="job-1", reason="no need"), at=AT).data)


def test_what_the_strict_reader_is_for() -> None:
    """It refuses what the last release refused."""
    with pytest.raises(AssertionError, match="key_of_tomorrow"):
        LAST.read("job", json.dumps(grown(json.loads(record_of(a_job())))))


@pytest.mark.parametrize("entry", entries("messages"))
def test_a_message_of_a_release_is_read(entry: Entry) -> None:
    message = message_of(entry)
    match kind_of(entry):
        case "requested" | "cancel":
            assert decode_command(message).job_id == entry["attributes"]["job_id"]
        case "broken":
            with pytest.raises(Invalid):
                decode_command(message)
        case state:
            completion = decode_completion(message)
            assert (completion.state, completion.event_id) == (state, entry["attributes"]["ce-id"])
            assert json.loads(completion.model_dump_json(exclude_none=True)) == json.loads(entry["data"])


@pytest.mark.parametrize("entry", [each for each in entries("messages") if kind_of(each.values[0]) != "broken"])
def test_a_message_of_a_release_can_grow(entry: Entry) -> None:
    message = Message(data=json.dumps(grown(json.loads(entry["data"]))).encode(), attributes=entry["attributes"])
    if kind_of(entry) in ("requested", "cancel"):
        with pytest.raises(UnknownContent):
            decode_command(message)
        return
    handled: list[Completion] = []
    assert Inbox(handled.append).take(message.data, message.attributes)
    assert counted(json.loads(handled[0].model_dump_json())) == counted(json.loads(message.data)) > 0


@pytest.fixture(params=[pytest.param(release, id=release.name) for release in RELEASES])
def release(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture
async def opened(release: Path, tmp_path: Path) -> AsyncIterator[tuple[Adapters, str]]:
    """The data folder of a release, in use."""
    with tarfile.open(release / "data.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    async with Adapters() as adapters:
        yield adapters, f"sqlite://{tmp_path}/data/reelbus.db"


async def test_no_job_of_a_released_data_folder_is_invisible(release: Path, opened: tuple[Adapters, str]) -> None:
    adapters, url = opened
    jobs = await adapters.jobs(url)
    kept = json.loads((release / "records.json").read_text("utf-8"))
    page = await jobs.list(JobQuery(limit=200))
    assert {job.job_id: job.state for job in page.jobs} == {key: each["means"]["state"] for key, each in kept.items()}
    due = await jobs.list(JobQuery(due_before=after(10**10), limit=200))
    assert {job.job_id for job in due.jobs} >= {job.job_id for job in page.jobs if not job.ended}
    for job in page.jobs:
        saved = await jobs.save(job)
        assert saved.model_dump(exclude={"revision", "stored_at", "read_at"}) == job.model_dump(
            exclude={"revision", "stored_at", "read_at"}
        )


async def test_budgets_and_dead_letters_of_a_released_data_folder_are_read(opened: tuple[Adapters, str]) -> None:
    adapters, url = opened
    (job,) = [
        each for each in (await (await adapters.jobs(url)).list(JobQuery(limit=200))).jobs if each.job_id == "scene"
    ]
    names = [part.name for part in job.clips[0].reserved]
    assert names
    slices = await (await adapters.budgets(url)).read(names)
    assert all(each.revision and each.used >= Decimal("0.40") for each in slices)
    letters = await (await adapters.bus(url)).dead_letters()
    assert [letter.message.data[:20] for letter in letters] == [b"no JSON at all", b'{"job_id": "rejected']


async def test_an_operation_of_the_local_renderer_is_written_as_the_last_release_reads_it(tmp_path: Path) -> None:
    """It builds its storyboard from all keys, and knows no others."""
    with tarfile.open(RELEASES[-1] / "data.tar.xz") as archive:
        kept = archive.extractfile("data/videos/work/generating/0/1/operation.json")
        assert kept
        known = json.load(kept).keys()
    videos = await FolderVideos.open(tmp_path / "videos", "http://facade")
    model = Animatic(videos, RenderPool(1), tmp_path)
    job = played(started(), job=a_job(scene={"title": "Dawn", "description": "A harbour at dawn"}))
    try:
        operation = await model.submit(job.request, job.clips[0], (), send_before=0)
    finally:
        await model.aclose()
    assert json.loads((tmp_path / "videos" / operation).read_text("utf-8")).keys() == known


def test_the_corpus_holds_every_state() -> None:
    for release in RELEASES:
        kept = json.loads((release / "records.json").read_text("utf-8"))
        assert {each["means"]["state"] for each in kept.values()} == set(JobState)
