"""The client over Google's Pub/Sub emulator: real workers at the other end, and the program of the page as it is."""

import asyncio
import json
import sys
from collections.abc import Iterator

import pytest

from reelbus_client import ReelbusError
from reelbus_client.pubsub import Publisher
from schemas.ports import BATCH_WORKERS, WORKERS
from tests.e2e.processes import House
from tests.gcp.emulated import Project
from tests.node.topics import Topics
from tests.python_client.test_docs import environment, program_of

pytestmark = pytest.mark.emulator

SHORT = {"prompt": "A paper boat on a city river", "duration_seconds": 1}


@pytest.fixture
def topics(project: Project) -> Iterator[Topics]:
    project.create_bucket()
    topics = Topics(project.id)
    yield topics
    topics.close()


@pytest.fixture
def publisher(project: Project) -> Iterator[Publisher]:
    with Publisher(project.id) as publisher:
        yield publisher


@pytest.mark.timeout(200)
async def test_the_program_of_the_page_gets_its_video(house: House, project: Project, topics: Topics) -> None:
    urls = {"REELBUS_BUS": project.bus_url, "REELBUS_JOBS": project.jobs_url, "REELBUS_VIDEOS": project.videos_url}
    topics.named("my-team")
    with House(house.folder, house.log, urls).worker():
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "ignore", "-c", program_of(3), project.id, "my-team", "night-1"),
            env=environment(),
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(150):
            printed = (await process.communicate())[0].decode()
    assert process.returncode == 0
    job_id, state, url = printed.split()
    assert (job_id[:4], state) == ("key-", "succeeded")
    assert project.bucket in url


async def test_each_request_goes_to_its_lane_and_a_cancel_after_it(topics: Topics, publisher: Publisher) -> None:
    for priority in ("batch", "interactive"):
        assert publisher.submit({**SHORT, "job_id": priority, "priority": priority}) == priority
    publisher.cancel("batch", reason="changed our mind", life=2)
    [batch] = await topics.pull(BATCH_WORKERS.name, at_most=1)
    found = [message for _ in range(2) for message in await topics.pull(WORKERS.name, at_most=1)]
    assert json.loads(batch.data) == {**SHORT, "job_id": "batch", "priority": "batch"}
    lives = [message.attributes.get("life") for message in found]
    assert sorted(lives, key=str) == ["2", None], "only the cancel names a life"
    bodies = {message.attributes["ce-type"]: json.loads(message.data) for message in found}
    assert bodies == {
        "reelbus.video.requested.v1": {**SHORT, "job_id": "interactive"},
        "reelbus.video.cancel.v1": {"job_id": "batch", "reason": "changed our mind"},
    }


def test_what_a_worker_would_reject_is_not_published(publisher: Publisher) -> None:
    for request, words in (
        ({**SHORT, "duration_seconds": 31}, "duration_seconds is not valid: .* 30, not 31"),
        ({**SHORT, "duration": 3}, "duration is not valid: [^;]*permitted$"),
        ({"duration_seconds": 3}, "prompt is required"),
        ({**SHORT, "job_id": "a b"}, "job_id is not valid"),
        ({**SHORT, "reference_image": "data:image/png;base64," + "A" * 9_600_000}, "at most 7 MB"),
    ):
        with pytest.raises(ReelbusError, match=words) as caught:
            publisher.submit(request)
        assert (caught.value.status, caught.value.video_id) == (400, None)
    with pytest.raises(ReelbusError, match=r"reason is not valid: .* 500 characters; its length is 501"):
        publisher.cancel("order-1", reason="x" * 501)
    for life in (0, -1, True, 1_000_000_000):
        with pytest.raises(ReelbusError, match="life must be a whole number from 1 to 999999999"):
            publisher.cancel("order-1", life=life)


def test_a_topic_that_is_missing_is_named_and_the_same_call_again_is_the_same_job(project: Project) -> None:
    with Publisher(f"{project.id}-none") as publisher:
        ids: list[str | None] = []
        for _ in range(2):
            with pytest.raises(ReelbusError, match="there is no topic video-requests in project") as caught:
                publisher.submit(SHORT)
            ids.append(caught.value.video_id)
    assert ids[0] is not None
    assert ids[0] == ids[1]
