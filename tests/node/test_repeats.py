"""A call that is made again after its answer was lost, or after its process was killed, is one job and one file."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.proxy import Proxy
from tests.e2e.processes import House
from tests.gcp.emulated import Project
from tests.node.driver import Node, logged, node
from tests.node.topics import Topics

PROMPT = "A red bicycle turns slowly on white"
CALL = ("generateVideoFromPrompt", PROMPT, 1)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy() as proxy:
        yield proxy


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """The notes of unanswered calls are this test's own."""
    (tmp_path / "notes").mkdir()
    return {"TMPDIR": str(tmp_path / "notes")}


def jobs_in(house: House) -> list[str]:
    with sqlite3.connect(f"file:{next(house.folder.glob('*.db'))}?mode=ro", uri=True) as database:
        found = [str(row[0]) for row in database.execute("SELECT job_id FROM jobs")]
    database.close()
    return found


def answered(house: House) -> bool:
    """Whether the facade has sent the video."""
    return any(line.get("method") == "POST" and str(line.get("status")) == "200" for line in house.logged())


async def test_a_lost_answer_costs_no_second_job(house: House, proxy: Proxy, variables: dict[str, str]) -> None:
    with house.facade() as (_, url), house.worker():
        proxy.point_at(url)
        proxy.lose = 1
        async with node(proxy.url.removesuffix("/v1"), variables=variables) as js:
            first = await js.call(*CALL)
            again = await js.call(*CALL)
    assert proxy.lost == 1
    assert first["videoId"] != again["videoId"], "the first call was answered after all"
    assert sorted(jobs_in(house)) == sorted([first["videoId"], again["videoId"]])
    assert len(house.finals()) == 2


async def test_a_process_that_is_killed_before_it_gets_the_answer_that_was_sent(
    house: House, proxy: Proxy, variables: dict[str, str]
) -> None:
    """The facade takes the call for answered: only the caller's own note tells that it was not."""
    with house.facade() as (_, url), house.worker():
        proxy.point_at(url)
        async with node(proxy.url.removesuffix("/v1"), variables=variables) as js:
            proxy.before_answer = lambda: _kill_once(js, house)
            asking = js.ask(*CALL)
            await js.process.wait()
        async with node(proxy.url.removesuffix("/v1"), variables=variables) as js:
            result = await js.call(*CALL)
    assert not asking.done()
    assert jobs_in(house) == [result["videoId"]]
    assert len(house.finals()) == 1


def _kill_once(js: Node, house: House) -> None:
    while not answered(house):
        pass
    os.kill(js.process.pid, signal.SIGKILL)


async def test_a_facade_and_its_caller_that_are_killed_together(
    house: House, proxy: Proxy, variables: dict[str, str]
) -> None:
    with house.facade() as (facade, url):
        proxy.point_at(url)
        async with node(proxy.url.removesuffix("/v1"), variables=variables) as js:
            asking = js.ask(*CALL)
            await logged(house, "submit_published")
            facade.kill()
            await js.kill()
    assert not asking.done()
    with house.facade() as (_, url), house.worker():
        proxy.point_at(url)
        async with node(proxy.url.removesuffix("/v1"), variables=variables) as js:
            result = await js.call(*CALL)
    assert jobs_in(house) == [result["videoId"]]
    assert len(house.finals()) == 1


async def test_a_process_that_is_killed_over_pubsub_makes_no_second_job(
    cloud: House, project: Project, topics: Topics, variables: dict[str, str]
) -> None:
    order: dict[str, Any] = {"prompt": PROMPT, "durationSeconds": 1}
    async with node(project.bus_url, variables=variables) as js:
        asking = js.ask("generate", order)
        sent = await topics.next_sent()
        await js.kill()
    assert not asking.done()
    with cloud.worker():
        async with node(project.bus_url, variables=variables) as js:
            video = await js.call("generate", order)
            again = await js.call("generate", order)
    assert video["videoId"] == sent == await topics.next_sent()
    assert again["videoId"] != sent, "the call was answered: this is a new one"
