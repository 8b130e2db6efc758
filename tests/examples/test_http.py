"""The guide by HTTP, on the embedded default: a real facade, a real worker, Node as it comes."""

import asyncio
import json
import re
import socket
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import av
import httpx
import pytest

from tests.chaos.proxy import Proxy
from tests.e2e.processes import House
from tests.examples.guide import command, program
from tests.examples.programs import Place
from tests.node.driver import logged

pytestmark = pytest.mark.timeout(200)

PUBLISH = command("publish.js")
LEGACY = command("legacy_fetch.js")


async def test_the_publisher_gets_one_video_for_one_order(house: House, downstream: Place) -> None:
    with house.facade() as (_, url), house.worker():
        first = json.loads(await downstream.export(REELBUS_URL=url).run(PUBLISH))
        again = json.loads(await downstream.export(REELBUS_URL=url).run(PUBLISH))
    (film,) = house.finals()
    assert first == again == {"id": "order-42", "url": first["url"], "costUsd": 0}
    assert first["url"].endswith(f"/{film.name}")


async def test_the_publisher_says_why_there_is_no_video(house: House, downstream: Place) -> None:
    with house.facade() as (_, url):
        said = await downstream.export(REELBUS_URL=url).run(PUBLISH.replace(" 3 ", " 31 "), status=1)
    assert said == "duration_seconds must be at most 30, not 31 (retryable: false, charged: no, job: none)\n"


async def test_the_old_calls_give_what_they_gave(house: House, downstream: Place) -> None:
    typed = downstream.folder / "examples" / f"{house.folder.parent.name}.mjs"
    typed.write_text(program())
    with house.facade() as (_, url), house.worker():
        said = await downstream.export(REELBUS_URL=url).run(f"node examples/{typed.name}")
    first, second = (line.split() for line in said.splitlines())
    assert (first[0], first[2]) == ("true", "5")
    films = {film.name: film for film in house.finals()}
    assert _frames(films[Path(first[1]).name]) == 5 * 24
    _starts_from_the_storyboard(films[Path(second[0]).name])


async def test_the_recipe_runs_unchanged(house: House, downstream: Place) -> None:
    with house.facade() as (_, url), house.worker():
        said = await downstream.export(PYTHON_API_URL=url).run(command("recipe/run.js"))
    (film,) = house.finals()
    assert re.fullmatch(rf"film: http://\S+/videos/generated-videos/{film.name}\n", said)
    _starts_from_the_storyboard(film)


async def test_the_recipe_says_why_it_failed(downstream: Place) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        nobody = f"http://127.0.0.1:{server.getsockname()[1]}"
    said = await downstream.export(PYTHON_API_URL=nobody).run(command("recipe/run.js"), status=1)
    assert said == "Python Video Generation API Error: fetch failed (Connection refused)\n"


async def test_a_legacy_caller_survives_a_504(house: House, downstream: Place) -> None:
    hasty = House(house.folder, house.log, {"REELBUS_WAIT_S": "1"})
    with hasty.facade() as (_, url):
        async with downstream.export(PYTHON_API_URL=url).running(LEGACY) as legacy:
            await legacy.until("504, asking again")
            with hasty.worker():
                assert await legacy.ended() == 0, legacy.said
        await _one_job(url, house, legacy.said)


async def test_a_legacy_caller_survives_a_connection_that_breaks(house: House, downstream: Place) -> None:
    with house.facade() as (_, url):
        async with Proxy(urlsplit(url).port or 0) as proxy:
            async with downstream.export(PYTHON_API_URL=f"http://127.0.0.1:{proxy.port}").running(LEGACY) as legacy:
                await logged(house, "submit_published")
                await proxy.cut()
                await legacy.until(r"503, asking again: fetch failed")
                await proxy.mend()
                with house.worker():
                    assert await legacy.ended() == 0, legacy.said
            await _one_job(url, house, legacy.said)


async def test_a_legacy_caller_survives_a_facade_that_is_restarted(house: House, downstream: Place) -> None:
    with house.facade() as (facade, url):
        async with downstream.export(PYTHON_API_URL=url).running(LEGACY) as legacy:
            await logged(house, "submit_published")
            assert await asyncio.to_thread(facade.stop) == 0
            await legacy.until("503, asking again")
            again = house.start("publisher", "serve", "--port", str(urlsplit(url).port))
            with house.worker():
                assert await legacy.ended() == 0, legacy.said
            await _one_job(url, house, legacy.said)
            again.stop()


async def test_a_legacy_caller_is_told_what_is_wrong(house: House, downstream: Place) -> None:
    with house.facade() as (_, url):
        said = await downstream.export(PYTHON_API_URL=url).run(LEGACY.replace(" 3", " 31"), status=1)
    assert said == "Python API error: 400 - Invalid request: duration_seconds must be at most 30, not 31\n"


async def _one_job(url: str, house: House, said: str) -> None:
    """However often it called."""
    async with httpx.AsyncClient(base_url=url) as client:
        (job,) = (await client.get("/api/videos")).json()["videos"]
    (film,) = house.finals()
    assert job["state"] == "succeeded"
    assert said.splitlines()[-1].endswith(film.name)


def _frames(film: Path) -> int:
    with av.open(str(film)) as container:
        return sum(1 for _ in container.decode(video=0))


def _starts_from_the_storyboard(film: Path) -> None:
    """It is red brown, as nothing is that the renderer makes up; and 8 s long."""
    assert _frames(film) == 8 * 24
    with av.open(str(film)) as container:
        first = next(container.decode(video=0)).to_ndarray(format="rgb24")
    red, green, blue = first.reshape(-1, 3).mean(axis=0)
    assert red > 1.5 * green > 1.5 * blue
