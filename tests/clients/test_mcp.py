"""The SDK's own client: a server that it starts itself, and a facade; lost answers and kills make no second video."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import CallToolResult, ResourceLink

from tests.clients.proxy import Proxy
from tests.e2e.processes import House, Part

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/mcp.md").read_text()
ARGUMENTS = {"prompt": "A lighthouse at dawn, slow aerial shot", "duration_seconds": 2}
ENDED = ("succeeded", "failed", "cancelled", "expired")
pytestmark = pytest.mark.timeout(280)  # a job that was written and not published is published after two minutes
MODES = pytest.mark.parametrize("mode", ["auto", "legacy"])
"""The protocol of 2026-07-28, and the one with a handshake that came before."""


def jobs_in(house: House) -> list[str]:
    with sqlite3.connect(f"file:{next(house.folder.glob('*.db'))}?mode=ro", uri=True) as database:
        found = [str(row[0]) for row in database.execute("SELECT job_id FROM jobs")]
    database.close()
    return found


async def call(client: Client, tool: str, **arguments: Any) -> CallToolResult:
    answer = await client.call_tool(tool, arguments)
    assert isinstance(answer, CallToolResult)
    assert not answer.is_error, answer.content
    return answer


async def finish(client: Client, video_id: str) -> str:
    """The address of the finished file."""
    while True:
        answer = await call(client, "get", video_id=video_id, wait_s=50)
        if answer.structured_content["state"] in ENDED:
            link = answer.content[-1]
            assert isinstance(link, ResourceLink), answer.content
            return str(link.uri)


async def lose_answer(address: str, mode: str, prepare: Callable[[], None]) -> None:
    """A `create` whose connection breaks before the answer. It ends the SDK's client, which never calls again."""
    with pytest.raises(ExceptionGroup) as broken:  # noqa: PT012
        async with Client(address, mode=mode) as client:
            prepare()
            await call(client, "create", **ARGUMENTS)
    assert broken.group_contains(httpx2.TransportError)


@asynccontextmanager
async def started(house: House, *arguments: str, mode: str = "auto") -> AsyncIterator[Client]:
    """A client of a server that it starts itself."""
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "publisher", "mcp", *arguments],
        env={"REELBUS_DATA_DIR": str(house.folder), "PYTHONPATH": str(ROOT)},
        cwd=house.folder,
    )
    with house.log.open("a") as log:
        async with Client(stdio_client(server, errlog=log), mode=mode) as client:
            yield client


@MODES
async def test_an_agent_on_this_machine(house: House, mode: str) -> None:
    async with started(house, "--worker", mode=mode) as client:
        plan = await call(client, "plan", **ARGUMENTS)
        assert plan.structured_content["price_usd"] == 0
        video_id = (await call(client, "create", **ARGUMENTS)).structured_content["video_id"]
        file = urlsplit(await finish(client, video_id))
        assert (file.scheme, is_video(Path(file.path))) == ("file", True)
        again = await call(client, "create", **ARGUMENTS)
        assert (again.structured_content["video_id"], again.structured_content["state"]) == (video_id, "succeeded")
    assert jobs_in(house) == [video_id]
    assert len(house.finals()) == 1


def is_video(file: Path) -> bool:
    return b"ftyp" in file.read_bytes()[:16]


def server_of(house: House, *arguments: str) -> subprocess.Popen[bytes]:
    """A server that said something."""
    process = subprocess.Popen(
        [sys.executable, "-m", "publisher", "mcp", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"REELBUS_DATA_DIR": str(house.folder), "PYTHONPATH": str(ROOT)},
        cwd=house.folder,
    )
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
    tell(process, "initialize", hello)
    assert process.stdout
    assert process.stdout.readline()
    return process


def tell(process: subprocess.Popen[bytes], method: str, params: dict[str, Any]) -> None:
    assert process.stdin
    process.stdin.write(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode() + b"\n")
    process.stdin.flush()


def order_and_kill(house: House) -> str:
    """The id of the job that a server stored. It was killed, and nothing read its answer."""
    process = server_of(house)
    tell(process, "tools/call", {"name": "create", "arguments": ARGUMENTS})
    while not (found := jobs_in(house)):
        pass
    process.kill()
    process.communicate()
    return found[0]


async def test_a_server_that_is_killed_before_its_answer(house: House) -> None:
    made = order_and_kill(house)
    async with started(house) as client:
        assert (await call(client, "create", **ARGUMENTS)).structured_content["video_id"] == made
        await call(client, "cancel", video_id=made)
    assert jobs_in(house) == [made]


@MODES
async def test_an_answer_that_is_lost_makes_no_second_video(house: House, proxy: Proxy, mode: str) -> None:
    with house.facade() as (_, url), house.worker():
        proxy.point_at(url)
        proxy.only = b"tools/call"
        address = proxy.url.replace("/v1", "/mcp")
        await lose_answer(address, mode, lambda: setattr(proxy, "lose", 1))
        async with Client(address, mode=mode) as client:
            video_id = (await call(client, "create", **ARGUMENTS)).structured_content["video_id"]
            address = await finish(client, video_id)
        async with httpx.AsyncClient(trust_env=False) as plain:
            assert b"ftyp" in (await plain.get(address)).content[:16]
    assert proxy.lost == 1
    assert jobs_in(house) == [video_id]
    assert len(house.finals()) == 1


async def test_a_facade_that_is_killed_between_write_and_answer(house: House, proxy: Proxy) -> None:
    with house.facade() as (first, url), house.facade() as (_, other), house.worker():
        proxy.point_at(url)
        proxy.only = b"tools/call"
        address = proxy.url.replace("/v1", "/mcp")
        kill = kill_once_stored(house, first, lambda: proxy.point_at(other))
        await lose_answer(address, "auto", lambda: setattr(proxy, "before_answer", kill))
        async with Client(address) as client:
            video_id = (await call(client, "create", **ARGUMENTS)).structured_content["video_id"]
            await finish(client, video_id)
    assert proxy.lost == 1
    assert jobs_in(house) == [video_id]
    assert len(house.finals()) == 1


def kill_once_stored(house: House, facade: Part, then: Callable[[], None]) -> Callable[[], None]:
    def kill() -> None:
        while not jobs_in(house):
            pass
        then()  # before the kill: it breaks the client's connection, and the next one must not lead to a dead facade
        facade.kill()

    return kill


@pytest.mark.parametrize("arguments", [(), ("--worker",)])
def test_ctrl_c_ends_the_server(house: House, arguments: tuple[str, ...]) -> None:
    process = server_of(house, *arguments)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    process.communicate()


def flow_of_node(house: House, *arguments: str) -> dict[str, Any]:
    """What the whole program found, after it made its video twice."""
    done = subprocess.run(
        ["node", str(Path(__file__).parent / "mcp_flow.mjs"), *arguments],
        env={**os.environ, "REELBUS_DATA_DIR": str(house.folder), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("by", ["http", "stdio"])
def test_the_sdk_for_node(house: House, by: str) -> None:
    """It holds what it gets against the schemas of the tools, as most programs of agents do."""
    if by == "stdio":
        found = flow_of_node(house, sys.executable, "-m", "publisher", "mcp", "--worker")
    else:
        with house.facade() as (_, url), house.worker():
            found = flow_of_node(house, f"{url.rstrip('/')}/mcp", "no-key")
    assert found["tools"] == ["plan", "create", "get", "cancel", "list"]
    assert (found["price"], found["state"], found["again"]) == (0, "succeeded", found["id"])
    assert (found["link"]["type"], found["link"]["mimeType"]) == ("resource_link", "video/mp4")
    assert found["refused"] == [True, "Invalid request: duration_seconds must be at most 30, not 31"]
    assert jobs_in(house) == [found["id"]]
    assert len(house.finals()) == 1


def test_the_program_of_the_page_makes_a_video(house: House) -> None:
    [program] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    with house.facade() as (_, url), house.worker():
        done = subprocess.run(
            [sys.executable, "-c", program.replace("http://localhost:8000", url.rstrip("/"))],
            env={"NO_PROXY": "*"},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^http\S+\.mp4", done.stdout, re.MULTILINE), done.stdout


async def test_the_entry_of_the_page_for_an_agent_s_program(house: House) -> None:
    [entry] = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    server = json.loads(entry)["mcpServers"]["reelbus"]
    assert server["command"] == "/path/to/reelbus/.venv/bin/reelbus"
    parameters = StdioServerParameters(
        command=str(ROOT / ".venv/bin/reelbus"),
        args=server["args"],
        env={name: value.replace("/path/to/videos", str(house.folder)) for name, value in server["env"].items()},
    )
    with house.log.open("a") as log:
        async with Client(stdio_client(parameters, errlog=log)) as client:
            video_id = (await call(client, "create", **ARGUMENTS)).structured_content["video_id"]
            assert (await finish(client, video_id)).startswith(house.folder.as_uri())
