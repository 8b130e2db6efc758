"""Calls whose music is looked at for long leave room for the calls of others."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest

from schemas.ports import MusicReader
from tests.contract.sounds import inline_flac, tone, write_music
from tests.facade.customers import ACME, KEYS, ZEBRA, Customer
from tests.facade.doors import ASYNC, Door, door_over, door_to, settings_for
from tests.facade.test_films import FILMS, SCENES

WAIT_S = 60


@dataclass
class HeldReader:
    """The reader itself, which begins when the test says: as if another file took all of its time."""

    reader: MusicReader
    looks: int = 0
    began: asyncio.Event = field(default_factory=asyncio.Event)
    may_read: asyncio.Event = field(default_factory=asyncio.Event)

    async def examine(self, file: Path, *, within_s: float) -> str:
        self.looks += 1
        self.began.set()
        await self.may_read.wait()
        return await self.reader.examine(file, within_s=within_s)


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with door_to(settings_for(tmp_path, intake_at_once=4, api_keys=KEYS)) as door:
        assert door.desk.music
        ctx = replace(door.desk, music=HeldReader(door.desk.music))
        async with door_over({**door.state, "ctx": ctx}) as held:
            yield held


def reader_of(door: Door) -> HeldReader:
    assert isinstance(door.desk.music, HeldReader)
    return door.desk.music


@pytest.fixture
def bed(tmp_path: Path) -> str:
    return inline_flac(write_music(tmp_path / "bed", tone(1.5, 440), codec="flac", kind="flac").read_bytes())


async def plan(customer: Customer, bed: str) -> httpx.Response:
    body = {"film_id": "ad", "scenes": SCENES, "audio": {"music": {"uri": bed}}}
    return await customer.call("POST", f"{FILMS}/plan", json=body)


async def test_music_of_one_caller_leaves_slots_to_the_others(door: Door, bed: str) -> None:
    acme, zebra = Customer(door, ACME), Customer(door, ZEBRA)
    async with asyncio.timeout(WAIT_S):
        first = asyncio.create_task(plan(acme, bed))
        await reader_of(door).began.wait()
        further = await asyncio.gather(*(plan(acme, bed) for _ in range(8)))
        others = asyncio.create_task(plan(zebra, bed))
        video = await zebra.post(ASYNC)
        assert (video.status_code, first.done(), others.done()) == (202, False, False)
        reader_of(door).may_read.set()
        assert ((await first).status_code, (await others).status_code) == (200, 200)
        assert (await plan(acme, bed)).status_code == 200
    assert {(answer.status_code, answer.headers["retry-after"]) for answer in further} == {(503, "10")}
    assert {answer.json()["error"]["code"] for answer in further} == {"too_busy"}
    assert "same caller" in further[0].json()["detail"]
    assert reader_of(door).looks == 3


async def test_music_without_callers_takes_half_of_the_slots_at_most(tmp_path: Path, bed: str) -> None:
    async with door_to(settings_for(tmp_path, intake_at_once=4)) as open_door:
        assert open_door.desk.music
        ctx = replace(open_door.desk, music=HeldReader(open_door.desk.music))
        async with door_over({**open_door.state, "ctx": ctx}) as door, asyncio.timeout(WAIT_S):
            waiting = {asyncio.create_task(plan(Customer(door, "none"), bed)) for _ in range(8)}
            refused = set[asyncio.Task[httpx.Response]]()
            while len(refused) < 6:
                ended, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                refused |= ended
            assert (await door.post(ASYNC)).status_code == 202
            reader_of(door).may_read.set()
            answers = await asyncio.gather(*waiting)
    assert {each.result().status_code for each in refused} == {503}
    assert "the music of 2 other films is being looked at" in refused.pop().result().json()["detail"]
    assert [answer.status_code for answer in answers] == [200, 200]
