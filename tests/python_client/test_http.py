"""The client over HTTP: real facades and workers, answers lost, and processes killed while it waits."""

import asyncio
import itertools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from reelbus_client import AsyncReelbus, News, Reelbus, ReelbusError, VideoRequest, WaitTimeout
from tests.clients.proxy import Proxy
from tests.e2e.processes import House, Part
from tests.node.driver import until
from tests.python_client.conftest import Kind

ROOT = Path(__file__).parents[2]
_numbers = itertools.count()
SYNC, ASYNC = (pytest.mark.parametrize("kind", [name], indirect=True) for name in ("sync", "async"))
"""Both clients have the same rules (`Flows`): one of them shows that a rule holds."""
_CALLER = """
import sys
from reelbus_client import Reelbus

print(Reelbus(sys.argv[1]).generate({"prompt": sys.argv[2], "duration_seconds": 1}).video_id)
"""


def short(**more: object) -> dict[str, object]:
    """A request that no other test makes."""
    return {"prompt": f"Paper boat number {next(_numbers)} of {os.getpid()}", "duration_seconds": 1, **more}


async def logged(house: House, action: str) -> None:
    """Until the house's log has it."""
    await until(lambda: any(line.get("action") == action for line in house.logged()))


@contextmanager
def again(house: House, url: str) -> Iterator[Part]:
    """Another facade at the same address."""
    part = house.start("publisher", "serve", "--port", str(urlsplit(url).port))
    try:
        yield part
    finally:
        part.stop()


@pytest.mark.quick
async def test_a_video_from_its_price_to_its_file(house: House, tmp_path: Path, kind: Kind) -> None:
    request, news = short(labels={"team": "growth"}), list[News]()
    with house.facade() as (_, url), house.worker():
        async with kind.open(url) as client:
            plan = await client.call("plan", request)
            job = await client.call("submit", request, key="night-1")
            await client.follow(job.video_id, news)
            video = await client.call("generate", VideoRequest.model_validate(request), key="night-1")
            listed = await client.call("list", label="team=growth", limit=5)
            spent = await client.call("spend")
            path = await client.call("download", video.video_id, tmp_path / "boat.mp4")
    assert (plan.price_usd, plan.model, plan.video_id) == (0, "animatic", None)
    assert (video.video_id, video.duration_seconds, video.labels) == (job.video_id, 1, {"team": "growth"})
    assert (news[0].state, news[-1].event, news[-1].state) == ("queued", "done", "succeeded")
    assert news[-1].view
    assert news[-1].view.gcs_path == video.gcs_path
    assert [each.video_id for each in listed.videos] == [video.video_id]
    assert spent.total.charged_usd == 0
    assert path.read_bytes() == house.finals()[0].read_bytes()
    assert not path.with_name("boat.mp4.part").exists()
    assert len(house.finals()) == 1


@SYNC
async def test_a_cancel_a_replay_and_what_is_refused(house: House, kind: Kind) -> None:
    with house.facade() as (_, url):
        async with kind.open(url) as client:
            await client.call("submit", short(job_id="order-1"))
            assert (await client.call("cancel", "order-1")).state == "cancelled"
            with pytest.raises(ReelbusError, match="cancelled") as cancelled:
                await client.call("wait", "order-1")
            quote = await client.call("quote_replay", "order-1")
            replayed = await client.call("replay", "order-1", pay=quote.price_usd, life=quote.life)
            with pytest.raises(ReelbusError) as conflict:
                await client.call("generate", short(job_id="order-1"))
            with pytest.raises(ReelbusError) as wrong:
                await client.call("generate", short(duration_secs=3))
            with pytest.raises(ReelbusError) as missing:
                await client.call("status", "order-2")
    assert (cancelled.value.category, cancelled.value.video_id) == ("cancelled", "order-1")
    assert (replayed.state, replayed.life) == ("queued", 2)
    assert (conflict.value.status, conflict.value.video_id) == (409, None)
    assert (wrong.value.field, wrong.value.detail) == (
        "duration_secs",
        "Invalid request: duration_secs is not a known key",
    )
    assert missing.value.code == "not_found"


@SYNC
async def test_the_same_call_after_a_wait_that_ended_is_the_same_job(house: House, kind: Kind) -> None:
    request = short()
    with house.facade() as (_, url):
        async with kind.open(url) as client:
            with pytest.raises(WaitTimeout) as caught:
                await client.call("generate", request, timeout_s=1)
            with house.worker():
                video = await client.call("generate", request)
                another = await client.call("generate", request)
    assert video.video_id == caught.value.video_id
    assert another.video_id != video.video_id, "it was answered: this is a new one"
    assert len(house.finals()) == 2


@ASYNC
async def test_a_504_is_followed_by_a_look_and_the_next_call_is_a_new_job(house: House, kind: Kind) -> None:
    patient = House(house.folder, house.log, {"REELBUS_WAIT_S": "1"})
    request = short()
    with patient.facade() as (_, url):
        async with kind.open(url) as client:
            waiting = asyncio.create_task(client.call("generate", request))
            await logged(house, "wait_over")
            with house.worker():
                first = await waiting
                second = await client.call("generate", request)
    assert first.video_id != second.video_id
    assert len(house.finals()) == 2


@SYNC
async def test_a_batch_is_ordered_once(house: House, kind: Kind) -> None:
    requests = [short(), VideoRequest.model_validate(short())]
    with house.facade() as (_, url), house.worker():
        async with kind.open(url) as client:
            plan = await client.call("plan_batch", requests)
            first = await client.call("order_batch", requests, max_cost_usd=1, priority="batch")
            again = await client.call("order_batch", requests, max_cost_usd=1, priority="batch")
            ended = await client.call("wait_for_batch", first.batch_id)
            with pytest.raises(ReelbusError, match=r"requests\.0\.prompt"):
                await client.call("order_batch", [{"prompt": "short"}])
    assert (plan.price_usd, plan.exists, len(plan.videos)) == (0, False, 2)
    assert [each.video_id for each in first.videos] == [each.video_id for each in again.videos]
    assert {each.state for each in ended.videos} == {"succeeded"}
    assert len(house.finals()) == 2


@SYNC
async def test_a_lost_answer_costs_no_second_job(house: House, kind: Kind) -> None:
    with Proxy() as proxy, house.facade() as (_, url), house.worker():
        proxy.point_at(url)
        proxy.lose = 1
        async with kind.open(proxy.url.removesuffix("/v1")) as client:
            assert (await client.call("generate", short())).duration_seconds == 1
    assert proxy.lost == 1
    assert len(house.finals()) == 1


async def test_a_facade_that_goes_and_comes_back_answers_for_the_same_job(house: House, kind: Kind) -> None:
    request, news = short(), list[News]()
    with house.facade() as (facade, url):
        async with kind.open(url) as client:
            waiting = asyncio.create_task(client.call("generate", request))
            await logged(house, "submit_published")
            job_id = str((await client.call("list", limit=1)).videos[0].video_id)
            following = asyncio.create_task(client.follow(job_id, news))
            await until(lambda: bool(news))
            await asyncio.to_thread(facade.kill if kind.name == "sync" else facade.stop)
            with again(house, url), house.worker():
                assert (await waiting).video_id == job_id
                await following
    assert len(house.finals()) == 1
    assert news[-1].event == "done"
    states = [each.state for each in news if each.event == "state"]
    assert states == [*dict.fromkeys(states)], "each once"


async def test_a_cancelled_task_leaves_the_job_and_the_same_call_gets_it(house: House) -> None:
    request = short()
    with house.facade() as (_, url):
        async with AsyncReelbus(url) as client:
            waiting = asyncio.create_task(client.generate(request))
            await logged(house, "submit_published")
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError) as cancelled:
                await waiting
            job = await client.submit(request)
    assert cancelled.value.__notes__ == [f"the job {job.video_id} may go on"]


async def test_the_same_call_of_a_process_that_was_killed_is_the_same_job(house: House) -> None:
    command = [sys.executable, "-c", _CALLER]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "publisher/python")}
    prompt = str(short()["prompt"])
    with house.facade() as (_, url):
        first = await asyncio.create_subprocess_exec(*command, url, prompt, env=environment)
        await logged(house, "submit_published")
        first.kill()
        await first.wait()
        await logged(house, "wait_hung_up")
        with house.worker():
            second = await asyncio.create_subprocess_exec(*command, url, prompt, env=environment)
            assert await second.wait() == 0
    assert len(house.finals()) == 1


def test_a_facade_that_is_not_there_is_reported_at_once() -> None:
    with Reelbus("http://127.0.0.1:1") as client, pytest.raises(ReelbusError) as caught:
        client.generate(short())
    assert (caught.value.code, caught.value.charged, caught.value.video_id) == ("unreachable", "no", None)
