"""The guide over Pub/Sub, on Google's emulator: publishers and subscribers as the guide starts them, a real worker."""

import asyncio
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

from schemas.wire.completion import Completion
from subscriber.consumer import Inbox
from tests.e2e.processes import House
from tests.examples.guide import command, program
from tests.examples.programs import Place, Program
from tests.examples.test_inbox import a_message
from tests.gcp.emulated import Project
from tests.node.driver import until

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(300)]

PUBLISH = command("publish.js")
PYTHON_PUBLISH = command("python_publisher.py")
NODE_SUBSCRIBE = command("subscribe.js")
PYTHON_SUBSCRIBE = command("python_subscriber.py")


@pytest.fixture
async def there(cloud: House, project: Project, here: Place) -> Place:
    """Where the topics were made as the guide says, without Node."""
    place = here.export(PROJECT=project.id, REELBUS_URL=project.bus_url, **cloud.settings)
    assert "video-completions" in await place.run(command("reelbus setup"))
    return place


@pytest.fixture
def node_there(there: Place, downstream: Place) -> Place:
    """The same with Node's examples; what they write is the test's own."""
    return downstream.export(**there.exported)


async def test_both_publishers_are_heard_by_both_subscribers(
    cloud: House, there: Place, node_there: Place, tmp_path: Path
) -> None:
    journal = tmp_path / "videos.jsonl"
    async with _listening(node_there, _journaled(journal)) as js, _listening(there, PYTHON_SUBSCRIBE) as py:
        with cloud.worker():
            video = json.loads((await node_there.run(PUBLISH)).splitlines()[-1])
            assert (await there.run(PYTHON_PUBLISH)).startswith("order-43 is on the bus as message ")
            for program in (js, py):
                await _heard(program, "order-42 succeeded: ", "order-43 succeeded: ")
        assert [await js.stop(), await py.stop()] == [0, 0], js.said + py.said
    lines = {line["job_id"]: line for line in map(json.loads, journal.read_text().splitlines())}
    assert lines.keys() == {"order-42", "order-43"}
    assert lines["order-42"]["video_url"] == video["url"]
    assert lines["order-43"]["labels"] == {"team": "growth"}


@pytest.mark.slow
async def test_a_bad_message_is_answered_and_a_restart_hears_what_came_meanwhile(
    cloud: House, there: Place, node_there: Place, tmp_path: Path
) -> None:
    node_subscribe = _journaled(tmp_path / "videos.jsonl")
    async with _listening(node_there, node_subscribe) as js, _listening(there, PYTHON_SUBSCRIBE) as py:
        assert [await js.stop(), await py.stop()] == [0, 0], js.said + py.said
    with cloud.worker():
        await there.run(PYTHON_PUBLISH.replace(" 3", " 31"))
        async with _listening(node_there, node_subscribe) as js, _listening(there, PYTHON_SUBSCRIBE) as py:
            for program in (js, py):
                await program.until("order-43 rejected: .*duration_seconds must be at most 30")


async def test_node_drops_a_repeat_also_after_a_kill(project: Project, node_there: Place, tmp_path: Path) -> None:
    journal = tmp_path / "videos.jsonl"
    await _dropped(project, node_there, _journaled(journal), lambda event: event in journal.read_text())


async def test_python_drops_a_repeat_also_after_a_kill(project: Project, there: Place) -> None:
    def remembered(event: str) -> bool:
        with closing(sqlite3.connect(there.folder / "my-python-team.sqlite")) as database:
            return bool(database.execute("SELECT 1 FROM seen WHERE event_id = ?", (event,)).fetchone())

    await _dropped(project, there, PYTHON_SUBSCRIBE, remembered)


async def test_node_passes_over_what_a_later_version_announces(
    project: Project, node_there: Place, tmp_path: Path
) -> None:
    journal = tmp_path / "videos.jsonl"
    async with _listening(node_there, _journaled(journal)) as js:
        _announce(project, "job-1", **{"ce-type": "reelbus.video.paused.v1", "ce-id": "job-1.1.paused"})
        await js.until("reelbus.video.paused.v1 is nothing that this program knows")
        _announce(project, "job-2")
        await js.until("job-2 succeeded")
        assert await js.stop() == 0, js.said
    assert "comes again" not in js.said
    assert [json.loads(line)["job_id"] for line in journal.read_text().splitlines()] == ["job-2"]


async def test_node_acknowledges_only_what_is_written(project: Project, node_there: Place, tmp_path: Path) -> None:
    journal = tmp_path / "videos.jsonl"
    journal.mkdir()
    async with _listening(node_there, _journaled(journal)) as js, _announcing(project, "job-1"):
        await js.until("job-1.1.succeeded comes again: EISDIR")
        journal.rmdir()
        await js.until("^job-1 succeeded")
    assert json.loads(journal.read_text())["id"] == "job-1.1.succeeded"


async def test_python_s_inbox_acknowledges_only_what_was_handled(project: Project, there: Place) -> None:
    handled: asyncio.Queue[str | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    failing = iter([True])

    def handle(completion: Completion) -> None:
        loop.call_soon_threadsafe(handled.put_nowait, completion.job_id)
        if next(failing, False):
            raise OSError("our own database is away")

    async with _listening(there, PYTHON_SUBSCRIBE) as py:
        await py.stop()  # it made the subscription
    with SubscriberClient() as subscriber:
        path = subscriber.subscription_path(project.id, "my-python-team")
        pulling = subscriber.subscribe(path, callback=Inbox(handle).receive)
        async with _announcing(project, "job-1"):
            assert [await handled.get(), await handled.get()] == ["job-1", "job-1"]
        async with _announcing(project, "job-1", "job-2"):
            assert await handled.get() == "job-2"
        pulling.cancel()
        await asyncio.to_thread(pulling.result)


async def test_the_old_calls_and_the_recipe(cloud: House, node_there: Place) -> None:
    typed = node_there.folder / "examples" / f"{cloud.folder.parent.name}.mjs"
    typed.write_text(program())
    with cloud.worker():
        calls = await node_there.run(f"node examples/{typed.name}")
        recipe = await node_there.run(command("recipe/run.js"))
    bucket = cloud.settings["REELBUS_VIDEOS"].removeprefix("gs://")
    addresses = re.findall(rf"http\S+/{bucket}/generated-videos/\S+\.mp4", calls + recipe)
    assert len(set(addresses)) == 3, calls + recipe


async def test_a_publisher_without_topics_is_told_what_to_do(project: Project, downstream: Place) -> None:
    said = await downstream.export(REELBUS_URL=project.bus_url).run(PUBLISH, status=1)
    assert "`reelbus setup` makes what is needed" in said


async def test_a_subscriber_without_topics_is_told_what_to_do(project: Project, downstream: Place) -> None:
    for subscribe in (NODE_SUBSCRIBE, PYTHON_SUBSCRIBE):
        said = await downstream.export(PROJECT=project.id).run(subscribe, status=1)
        assert said.splitlines()[-1] == f"no topic in {project.id}: `reelbus setup` makes what is needed"


async def _dropped(project: Project, place: Place, subscribe: str, remembered: Callable[[str], bool]) -> None:
    async with _listening(place, subscribe) as first:
        _announce(project, "job-1")
        await first.until("job-1 succeeded")
        _announce(project, "job-1", "job-2")
        await first.until("job-2 succeeded")
        assert first.said.count("job-1 succeeded") == 1
        await until(lambda: remembered("job-2.1.succeeded"))
        await first.kill()
    async with _listening(place, subscribe) as second:
        async with _announcing(project, "job-1", "job-3"):
            await second.until("job-3 succeeded")
        async with _announcing(project, "job-4"):
            await second.until("job-4 succeeded")
        assert await second.stop() == 0, second.said
    assert not re.search("job-[12] succeeded", second.said)


def _journaled(journal: Path) -> str:
    return NODE_SUBSCRIBE.replace("videos.jsonl", str(journal))


@asynccontextmanager
async def _listening(place: Place, subscribe: str) -> AsyncIterator[Program]:
    async with place.running(subscribe) as program:
        await program.until("listening on")
        yield program


async def _heard(program: Program, *told: str) -> None:
    """In any order."""
    missing = set(told)
    while missing:
        line = await program.until("|".join(missing))
        missing.remove(line[0])


@asynccontextmanager
async def _announcing(project: Project, *job_ids: str) -> AsyncIterator[None]:
    """Again and again: the emulator goes on handing messages to subscribers that are gone, for as long as a lease."""

    async def repeat() -> None:
        while True:
            await asyncio.to_thread(_announce, project, *job_ids)
            await asyncio.sleep(2)

    repeating = asyncio.create_task(repeat())
    try:
        yield
    finally:
        repeating.cancel()
        await asyncio.gather(repeating, return_exceptions=True)


def _announce(project: Project, *job_ids: str, **changes: str) -> None:
    """As a worker does."""
    publisher = PublisherClient()
    topic = publisher.topic_path(project.id, "video-completions")
    for job_id in job_ids:
        message = a_message(job_id, **changes)
        publisher.publish(topic, message.data, **message.attributes).result(timeout=60)
    publisher.stop()
    publisher.transport.close()
