"""`/mcp`: the SDK's own client calls the tools of a facade."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ResourceLink, TextContent

from publisher import package_version
from publisher.mcp.arguments import WAIT_AT_MOST_S
from publisher.mcp.endpoint import BODY_LIMIT_BYTES
from publisher.mcp.server import ERROR_KEY
from publisher.purge import purge
from publisher.settings import new_key
from schemas.ports import JobQuery
from tests.facade.customers import ACME, KEYS, ZEBRA
from tests.facade.doors import PROMPT, Door, door_to, settings_for
from tests.facade.hand import VIDEO, Hand
from tests.images import data_url, png

SUBMIT, SUBMIT_KNOWN = new_key("acme", ["submit"])
READ, READ_KNOWN = new_key("acme", ["read"])
VERTEX = "vertex://project/us-central1"


class Agent:
    """A client of the SDK, and what it gets."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, tool: str, **arguments: Any) -> CallToolResult:
        answer = await self.client.call_tool(tool, arguments)
        assert isinstance(answer, CallToolResult)
        return answer

    async def ask(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The structured answer of a call that is not refused."""
        answer = await self.call(tool, **arguments)
        assert not answer.is_error, answer.content
        structured: dict[str, Any] = answer.structured_content
        return structured

    async def refusal(self, tool: str, **arguments: Any) -> tuple[str, str, str | None]:
        """The code, the sentence and the field of a refusal."""
        answer = await self.call(tool, **arguments)
        assert answer.is_error, answer.content
        [text] = answer.content
        assert isinstance(text, TextContent)
        assert answer.structured_content is None  # the SDK for Node refuses one that is not the tool's answer
        assert answer.meta
        error: dict[str, Any] = answer.meta[ERROR_KEY]
        return error["code"], text.text, error.get("field")


@asynccontextmanager
async def agent_of(door: Door, key: str = "", mode: str = "auto") -> AsyncIterator[Agent]:
    app = door.client._transport.app  # type: ignore[attr-defined]
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    transport = httpx2.ASGITransport(app)
    async with (
        httpx2.AsyncClient(transport=transport, base_url="http://localhost", headers=headers, timeout=60) as client,
        Client(streamable_http_client("http://localhost/mcp", http_client=client), mode=mode) as agent,
    ):
        yield Agent(agent)


async def jobs_of(door: Door) -> list[str]:
    return [job.job_id for job in (await door.desk.jobs.list(JobQuery(limit=50))).jobs]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_video_from_the_plan_to_the_link(door: Door, hand: Hand, mode: str) -> None:
    async with agent_of(door, mode=mode) as agent:
        tools = (await agent.client.list_tools()).tools
        assert [tool.name for tool in tools] == ["plan", "create", "get", "cancel", "list"]
        plan = await agent.ask("plan", prompt=PROMPT, duration_seconds=3)
        assert (plan["price_usd"], plan["refusal"], plan["video_id"]) == (0, None, None)
        made = await agent.ask("create", prompt=PROMPT, duration_seconds=3)
        assert (made["state"], made["duration_seconds"], made["video_url"]) == ("queued", 3, None)
        assert (await agent.ask("plan", prompt=PROMPT, duration_seconds=3))["video_id"] == made["video_id"]
        await hand.finish(made["video_id"])
        answer = await agent.call("get", video_id=made["video_id"], wait_s=WAIT_AT_MOST_S)
        link = answer.content[-1]
        assert isinstance(link, ResourceLink)
        assert (link.mime_type, link.uri) == ("video/mp4", answer.structured_content["video_url"])
        file = await door.client.get(link.uri)
        assert file.content == VIDEO
        assert [each["video_id"] for each in (await agent.ask("list", state="succeeded"))["videos"]] == [
            made["video_id"]
        ]


async def test_the_same_arguments_are_the_same_video(door: Door) -> None:
    async with agent_of(door) as agent:
        first = await agent.ask("create", prompt=PROMPT, seed=7, labels={"a": "1", "b": "2"})
        again = await agent.ask("create", seed="7", labels={"b": "2", "a": "1"}, prompt=f" {PROMPT} ", take=1)
        assert again["video_id"] == first["video_id"]
        others = [{"take": 2}, {"seed": 8}, {"duration_seconds": 6}, {"max_cost_usd": 1}]
        ids = [(await agent.ask("create", **{"prompt": PROMPT, "seed": 7, **other}))["video_id"] for other in others]
        assert len({first["video_id"], *ids}) == 5
        cancelled = await agent.ask("cancel", video_id=first["video_id"], reason="enough")
        assert cancelled["state"] == "cancelled"
        again = await agent.ask("create", prompt=PROMPT, seed=7, labels={"a": "1", "b": "2"})
        assert (again["video_id"], again["state"]) == (first["video_id"], "cancelled")
    assert len(await jobs_of(door)) == 5


async def test_calls_that_arrive_at_once_are_one_video(door: Door) -> None:
    async with agent_of(door) as agent:
        made = await asyncio.gather(*(agent.ask("create", prompt=PROMPT) for _ in range(8)))
    assert len({each["video_id"] for each in made}) == 1
    assert await jobs_of(door) == [made[0]["video_id"]]


async def test_the_same_image_is_the_same_video(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, api_keys=KEYS)) as door, agent_of(door, ACME) as agent:
        images = [data_url(png(320, 180)), data_url(png(320, 180)), data_url(png(180, 320))]
        made = [await agent.ask("create", prompt=PROMPT, reference_image=image) for image in images]
        assert made[0]["video_id"] == made[1]["video_id"] != made[2]["video_id"]
        assert len(await jobs_of(door)) == 2


async def test_an_erased_video_is_not_made_again(door: Door) -> None:
    async with agent_of(door) as agent:
        made = (await agent.ask("create", prompt=PROMPT))["video_id"]
        await agent.ask("cancel", video_id=made)
        await purge(door.desk, [made])
        code, words, _ = await agent.refusal("create", prompt=PROMPT)
        assert code == "erased"
        assert "another take makes another video" in words
        assert (await agent.ask("create", prompt=PROMPT, take=2))["video_id"] != made


REFUSED = {
    "no prompt": ("create", {}, "prompt is required", "prompt"),
    "short": ("create", {"prompt": "x"}, "prompt must have at least 10 characters, not 1", "prompt"),
    "long": ("plan", {"prompt": PROMPT, "duration_seconds": 31}, "duration_seconds must be at most 30", None),
    "unknown": ("create", {"prompt": PROMPT, "colour": "red"}, "colour is not a known key", "colour"),
    "id": ("create", {"prompt": PROMPT, "job_id": "mine"}, "job_id is not a known key", "job_id"),
    "webhook": ("create", {"prompt": PROMPT, "webhook": {}}, "webhook is not a known key", "webhook"),
    "take": ("create", {"prompt": PROMPT, "take": 0}, "take must be at least 1", "take"),
    "wait": ("get", {"video_id": "a", "wait_s": 51}, "wait_s must be at most 50", "wait_s"),
    "form": ("get", {"video_id": "a/b"}, "video_id must have 1 to 64 letters", "video_id"),
    "nothing": ("cancel", {}, "video_id is required", "video_id"),
    "limit": ("list", {"limit": 201}, "limit must be at most 200", "limit"),
    "state": ("list", {"state": "new"}, "state must be one of", "state"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_refusal_names_the_field_and_the_limit(door: Door, case: str) -> None:
    tool, arguments, words, field = REFUSED[case]
    async with agent_of(door) as agent:
        code, said, named = await agent.refusal(tool, **arguments)  # type: ignore[arg-type]
        assert code == "invalid_request"
        assert words in said
        assert named == (field or "duration_seconds")
    assert await jobs_of(door) == []


async def test_a_key_sees_its_own_videos_only(tmp_path: Path) -> None:
    keys = (*KEYS, SUBMIT_KNOWN, READ_KNOWN)
    async with door_to(settings_for(tmp_path, api_keys=keys)) as door:
        async with agent_of(door, ACME) as acme, agent_of(door, ZEBRA) as zebra:
            mine = (await acme.ask("create", prompt=PROMPT))["video_id"]
            assert (await acme.ask("create", prompt=PROMPT))["video_id"] == mine
            assert (await zebra.ask("list"))["videos"] == []
            [stored] = await jobs_of(door)
            for video_id in (mine, stored):
                for tool in ("get", "cancel"):
                    answer = await zebra.refusal(tool, video_id=video_id)
                    assert answer[:2] == ("not_found", f"Not found: there is no job {video_id}")
            theirs = (await zebra.ask("create", prompt=PROMPT))["video_id"]
            assert theirs != mine
            assert len(await jobs_of(door)) == 2
        async with agent_of(door, SUBMIT) as agent:
            assert (await agent.ask("create", prompt=PROMPT))["video_id"] == mine  # of the same caller
            assert (await agent.refusal("get", video_id=mine))[0] == "forbidden"
            assert (await agent.refusal("list"))[0] == "forbidden"
        async with agent_of(door, READ) as agent:
            assert (await agent.ask("get", video_id=mine, wait_s=0))["state"] == "queued"
            for tool in ("create", "plan"):
                assert (await agent.refusal(tool, prompt=PROMPT))[0] == "forbidden"
        assert (await door.client.post("/mcp", json={})).status_code == 401


@pytest.fixture
async def veo(tmp_path: Path) -> AsyncIterator[Door]:
    async with door_to(settings_for(tmp_path, provider=VERTEX, videos="")) as door:
        yield door


async def test_without_a_limit_an_agent_orders_nothing_that_costs(veo: Door) -> None:
    async with agent_of(veo) as agent:
        plan = await agent.ask("plan", prompt=PROMPT)
        assert plan["price_usd"] > 0
        assert plan["refusal"]["code"] == "over_mcp_max_cost"
        code, words, _ = await agent.refusal("create", prompt=PROMPT)
        assert code == "over_mcp_max_cost"
        assert f"${plan['price_usd']:.2f}" in words
        assert "$0.00" in words
        assert "REELBUS_MCP_MAX_COST_USD" in words
    assert await jobs_of(veo) == []


async def test_the_limit_of_the_operator_and_that_of_the_agent(tmp_path: Path) -> None:
    before = settings_for(tmp_path, provider=VERTEX, videos="", mcp_max_cost_usd="5")
    async with door_to(before) as door, agent_of(door) as agent:
        made = [await agent.ask("create", prompt=PROMPT, **more) for more in ({}, {"max_cost_usd": 3})]
        jobs = [await door.desk.jobs.get(each["video_id"]) for each in made]
        assert [job and job.request.max_cost_usd for job in jobs] == [Decimal(5), Decimal(3)]
        code, words, field = await agent.refusal("create", prompt=PROMPT, max_cost_usd=0.01)
        assert (code, field) == ("over_max_cost", "max_cost_usd")
        assert "$0.01" in words
    after = before.model_copy(update={"mcp_max_cost_usd": Decimal(0)})
    async with door_to(after) as door, agent_of(door) as agent:
        assert (await agent.ask("create", prompt=PROMPT))["video_id"] == made[0]["video_id"]  # it pays nothing
        assert len(await jobs_of(door)) == 2


async def test_what_is_no_message_of_the_protocol(door: Door) -> None:
    assert (await door.client.get("/mcp")).status_code == 405
    assert (await door.client.post("/mcp", json={})).status_code == 400
    accept = {"Accept": "application/json, text/event-stream"}
    assert (await door.client.post("/mcp", content=b"{", headers=accept)).status_code == 400
    arguments = {"prompt": PROMPT, "seed": 1}
    params = {"name": "create", "arguments": arguments}
    call = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    twice = call.replace('"seed": 1', '"seed": 1, "seed": 2')
    answer = await door.client.post("/mcp", content=twice, headers=accept)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "seed")
    assert await jobs_of(door) == []
    large = await door.client.post("/mcp", content=b" " * (BODY_LIMIT_BYTES + 1), headers=accept)
    assert large.status_code == 413
    assert f"{BODY_LIMIT_BYTES:,}" in large.json()["detail"]


async def test_an_unexpected_error_says_nothing_of_the_server(
    door: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_: object) -> None:
        raise RuntimeError("the password is secret")

    monkeypatch.setattr(type(door.desk.jobs), "list", fail)
    async with agent_of(door) as agent:
        code, words, _ = await agent.refusal("list")
    assert code == "internal_error"
    assert "secret" not in words
    assert any(getattr(line, "action", "") == "mcp_broke" for line in caplog.records)


async def test_without_the_sdk_the_rest_works(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("mcp", "mcp.server"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "publisher.mcp.server", raising=False)
    answer = await door.client.post("/mcp", json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert "scripts/bootstrap mcp" in answer.json()["detail"]
    assert (await door.post({"Prefer": "respond-async"})).status_code == 202


def test_nothing_of_the_sdk_is_imported_unless_asked_for() -> None:
    program = "import sys, publisher.facade.app, publisher.cli.mcp; print(*{n.partition('.')[0] for n in sys.modules})"
    loaded = subprocess.check_output([sys.executable, "-c", program], text=True).split()
    assert not {"mcp", "mcp_types", "httpx2"}.intersection(loaded)


@pytest.mark.parametrize(
    ("message", "field"),
    [({}, "jsonrpc"), ({"jsonrpc": "2.0", "id": 1}, "method"), ({"jsonrpc": "2.0", "id": 1, "method": 5}, "method")],
)
async def test_an_object_that_is_no_message_is_refused_in_one_sentence(
    door: Door, message: dict[str, Any], field: str
) -> None:
    answer = await door.client.post("/mcp", json=message, headers={"Accept": "application/json, text/event-stream"})
    refused = answer.json()
    assert (answer.status_code, refused["error"]["field"]) == (400, field)
    assert refused["detail"].startswith(f"Invalid request: {field} must be ")
    assert "pydantic" not in answer.text


async def test_the_server_names_the_version_of_the_package(door: Door) -> None:
    async with agent_of(door) as agent:
        assert agent.client.server_info
        assert agent.client.server_info.version == package_version()
