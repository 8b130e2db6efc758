"""Over Pub/Sub: what is wrong is said, and only to whom it concerns."""

import base64

import pytest

from tests.e2e.processes import House
from tests.gcp.emulated import Project
from tests.node.driver import logged, node, refusal
from tests.node.topics import Topics, generating

pytestmark = pytest.mark.emulator

SHORT = {"prompt": "A paper boat on a city river", "duration_seconds": 1}


async def test_a_bad_message_is_refused_here_and_rejected_there(cloud: House, project: Project, topics: Topics) -> None:
    big = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(7_000_000)).decode()
    liar = "data:image/png;base64," + base64.b64encode(b"GIF89a, and not at all a PNG").decode()
    with cloud.worker():
        async with node(project.bus_url) as js:
            short = await refusal(js.ask("generate", {"prompt": "short"}))
            too_large = await refusal(js.ask("generate", {**SHORT, "reference_image": big}))
            no_image = await refusal(js.ask("generate", {**SHORT, "reference_image": liar}))
            mine = js.ask("generate", {**SHORT, "job_id": "mine"})
            await mine
            reused = await refusal(js.ask("generate", {**SHORT, "job_id": "mine", "seed": 1}))
            unknown = await refusal(js.ask("generate", {**SHORT, "resolution": "4k", "job_id": "4k"}))
    assert short["detail"] == "Invalid request: prompt must have at least 10 characters, not 5"
    assert too_large["message"].startswith(
        "reference_image must have at most 7,000,000 bytes on the bus, not 7,000,008"
    )
    assert "bytes are something else" in no_image["message"]
    assert (reused["status"], reused["code"], reused["videoId"]) == (409, "id_reused", "mine")
    assert (unknown["status"], unknown["field"]) == (400, "resolution")


async def test_a_rejection_goes_to_who_sent_the_message_and_to_nobody_else(
    cloud: House, project: Project, topics: Topics
) -> None:
    async with node(project.bus_url) as js, node(project.bus_url) as other:
        asking = js.ask("generate", {**SHORT, "duration_seconds": 3, "job_id": "shared"})
        with cloud.worker():
            await generating(cloud, "shared")
            refused = await refusal(other.ask("generate", {**SHORT, "job_id": "shared", "seed": 7}))
            topics.send({"job_id": "shared", "prompt": "short"}, job_id="shared")
            await logged(cloud, "rejected", times=2)
            assert (await asking)["video_id"] == "shared"
    assert refused["code"] == "id_reused"


async def test_a_client_that_was_told_not_to_listen_submits_and_cancels(project: Project, topics: Topics) -> None:
    async with node(project.bus_url, listen=False) as js:
        await js.call("submit", {**SHORT, "job_id": "order-11"})
        await topics.sent("order-11")
        await js.call("cancel", "order-11")
        await topics.sent("order-11")
        assert "does not listen" in (await refusal(js.ask("generate", SHORT)))["message"]
        assert "httpUrl" in (await refusal(js.ask("status", "order-11")))["message"]
        assert topics.listeners() == set()


async def test_a_project_without_topics_is_said_so(project: Project) -> None:
    async with node(project.bus_url) as js:
        error = await refusal(js.ask("generate", SHORT))
        by_old_name = await refusal(js.ask("generateVideoFromPrompt", SHORT["prompt"]))
    words = f"there is no topic video-completions in project {project.id}; `reelbus setup` makes what is needed"
    assert error["message"] == words
    assert by_old_name["message"] == f"Python Video Generation API Error: {words}"
