"""The package over Google's Pub/Sub emulator with the official client: real workers at the other end."""

import base64
import io
import json

import pytest
from PIL import Image

from schemas.ports import BATCH_WORKERS, WORKERS
from tests.e2e.processes import House
from tests.gcp.emulated import Project
from tests.node.driver import Refused, node, refusal, until
from tests.node.topics import Topics, generating

pytestmark = pytest.mark.emulator

SHORT = {"prompt": "A paper boat on a city river", "duration_seconds": 1}


async def test_a_video_comes_back_to_its_caller_and_the_subscription_goes(
    cloud: House, project: Project, topics: Topics
) -> None:
    image = io.BytesIO()
    Image.new("RGB", (640, 360), (200, 30, 30)).save(image, "PNG")
    png = "data:image/png;base64," + base64.b64encode(image.getvalue()).decode()
    scene = {"title": "Opening scene", "cameraFlow": "Slow pan", "timeEnd": "1s"}
    with cloud.worker():
        async with node(project.bus_url) as js:
            first = js.ask("generate", {**SHORT, "job_id": "order-1", "labels": {"team": "growth"}})
            second = js.ask("generateVideoWithVeo", png, scene, "test-project", 0)
            await until(lambda: len(topics.listeners()) == 2)  # the client's and the drop-in's, which goes when idle
            video, address = await first, await second
    assert (video["success"], video["video_id"], video["duration_seconds"]) == (True, "order-1", 1)
    assert (video["prompt"], video["labels"], video["quality"]) == (SHORT["prompt"], {"team": "growth"}, "fast")
    assert project.bucket in video["video_url"]
    assert video["gcs_path"] in video["video_url"]
    assert project.bucket in address
    assert topics.listeners() == set()


async def test_a_node_process_that_is_killed_waits_again(cloud: House, project: Project, topics: Topics) -> None:
    order = {**SHORT, "job_id": "order-7"}
    async with node(project.bus_url) as js:
        asking = js.ask("generate", order)
        await topics.sent("order-7")
        await js.kill()
    with cloud.worker():
        async with node(project.bus_url) as js:
            assert (await js.call("wait", "order-7", {"request": order}))["video_id"] == "order-7"
            # … and it is still told of when it has long ended
            assert (await js.call("generate", order))["video_id"] == "order-7"
        with cloud.facade() as (_, url):
            async with node(project.bus_url, httpUrl=url) as js:
                assert (await js.call("wait", "order-7"))["video_id"] == "order-7"
                assert (await js.call("status", "order-7"))["state"] == "succeeded"
                assert (await js.call("onProgress", "order-7"))["state"] == "succeeded"
        async with node(project.bus_url) as js:
            refused = await refusal(js.ask("wait", "order-7"))
    assert "give its request again" in refused["message"]
    assert not asking.done()


@pytest.mark.slow
async def test_a_subscription_of_the_service_s_own_keeps_what_came_while_it_was_away(
    cloud: House, project: Project, topics: Topics
) -> None:
    topics.named("my-completions")
    topics.named("a-look")
    async with node(f"{project.bus_url}?subscription=my-completions") as js:
        submitted = await js.call("submit", {**SHORT, "job_id": "order-8"})
        assert submitted == {"video_id": "order-8", "videoId": "order-8", "state": "queued"}
        await js.kill()
    with cloud.worker():
        async with node(f"{project.bus_url}?subscription=a-look") as js:
            await js.call("wait", "order-8")
    async with node(f"{project.bus_url}?subscription=my-completions") as js:
        assert (await js.call("wait", "order-8"))["video_id"] == "order-8"
    assert {"my-completions", "a-look"} <= topics.listeners()


@pytest.mark.slow
async def test_a_worker_that_is_killed_changes_nothing_for_who_waits(
    cloud: House, project: Project, topics: Topics
) -> None:
    async with node(project.bus_url) as js:
        asking = js.ask("generate", {**SHORT, "duration_seconds": 3, "job_id": "cut-off"})
        with cloud.worker() as worker:
            await generating(cloud, "cut-off")
            worker.kill()
        with cloud.worker():
            assert (await asking)["video_id"] == "cut-off"


async def test_an_abort_ends_the_wait_and_a_cancel_the_job(cloud: House, project: Project, topics: Topics) -> None:
    left = {**SHORT, "job_id": "left"}
    async with node(project.bus_url) as js:
        waiting = js.ask("generate", left)
        await topics.sent("left")
        js.abort(0)
        with pytest.raises(Refused, match="enough") as caught:
            await waiting
        assert caught.value.error["videoId"] == "left"
        with cloud.worker():
            asking = js.ask("generate", {**SHORT, "duration_seconds": 30, "job_id": "unwanted"})
            await generating(cloud, "unwanted")
            with pytest.raises(Refused, match="life must be at least 1"):
                await js.call("cancel", "unwanted", {"life": 0})
            await js.call("cancel", "unwanted", {"life": 2})  # of a life that the job does not have: it is ignored
            await js.call("cancel", "unwanted", {"reason": "changed our mind", "life": 1})
            error = await refusal(asking)
            assert (await js.call("generate", left))["video_id"] == "left"
    assert (error["category"], error["status"], error["videoId"]) == ("cancelled", 409, "unwanted")


async def test_a_thousand_callers_on_one_subscription_each_get_their_own_answer(
    cloud: House, project: Project, topics: Topics
) -> None:
    """Free jobs that are over before they begin, since it is the answers that are counted."""
    light = House(cloud.folder, cloud.log, {"REELBUS_BUS": project.bus_url, "REELBUS_IN_FLIGHT": "200"})
    orders = [{**SHORT, "job_id": f"job-{n}", "start_before": "2020-01-01T00:00:00Z"} for n in range(1000)]
    with light.worker():
        async with node(project.bus_url) as js:
            told = await js.call("many", *orders)
            listeners = topics.listeners()
    assert told == [f"job-{n} expired" for n in range(1000)]
    assert len(listeners) == 1


async def test_a_subscription_that_is_gone_is_told_to_who_waits_and_made_again(
    cloud: House, project: Project, topics: Topics
) -> None:
    order = {**SHORT, "job_id": "order-9"}
    async with node(project.bus_url) as js:
        asking = js.ask("generate", order)
        await topics.sent("order-9")
        topics.forget(*topics.listeners())
        error = await refusal(asking)
        with cloud.worker():
            assert (await js.call("generate", order))["video_id"] == "order-9"
    assert (error["code"], error["retryable"], error["videoId"]) == ("unreachable", True, "order-9")


async def test_who_waits_asks_again_now_and_then_in_case_an_answer_was_lost(project: Project, topics: Topics) -> None:
    async with node(project.bus_url, remindMs=100) as js:
        asking = js.ask("generate", {**SHORT, "job_id": "order-10"})
        for _ in range(3):
            await topics.sent("order-10")
        js.abort(0)
        with pytest.raises(Refused, match="enough"):
            await asking


async def test_each_request_goes_to_its_lane_and_only_batch_is_named(project: Project, topics: Topics) -> None:
    async with node(project.bus_url, listen=False) as js:
        for priority in ("batch", "interactive"):
            await js.call("submit", {**SHORT, "job_id": priority, "priority": priority})
        [batch] = await topics.pull(BATCH_WORKERS.name, at_most=1)
        [interactive] = await topics.pull(WORKERS.name, at_most=1)
    sent = [json.loads(message.data) for message in (batch, interactive)]
    assert [(body["job_id"], body.get("priority")) for body in sent] == [("batch", "batch"), ("interactive", None)]


async def test_the_same_call_again_after_an_abort_is_the_same_job(
    cloud: House, project: Project, topics: Topics
) -> None:
    async with node(project.bus_url) as js:
        waiting = js.ask("generate", SHORT)
        sent = await topics.next_sent()
        js.abort(0)
        with pytest.raises(Refused, match="enough") as caught:
            await waiting
        assert caught.value.error["videoId"] == sent
        with cloud.worker():
            again = await js.call("generate", SHORT)
            another = await js.call("generate", SHORT)
    assert again["video_id"] == sent
    assert another["video_id"] != again["video_id"], "the call was answered: this is a new one"


async def test_a_completion_that_cannot_be_read_is_kept(project: Project, topics: Topics) -> None:
    topics.named("ours")
    topics.end(b"no JSON", "reelbus.video.succeeded.v1")
    topics.end(b'{"job_id": "one", "state": "cancelled"}', "reelbus.video.cancelled.v1")
    async with node(f"{project.bus_url}?subscription=ours") as js:
        assert (await refusal(js.ask("wait", "one")))["category"] == "internal"
    assert b"no JSON" in [message.data for message in await topics.pull("ours", at_most=10)]
