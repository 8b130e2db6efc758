"""Addresses of files where callers need a key: signed, for a while."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from schemas.domain.object_names import FINALS
from tests.facade.customers import ACME, KEYS, Customer
from tests.facade.doors import Door, door_to, settings_for
from tests.facade.hand import VIDEO, Hand, hand_at


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with door_to(settings_for(tmp_path, api_keys=KEYS, wait_s=5)) as door:
        yield door


@pytest.fixture
async def hand(door: Door) -> AsyncIterator[Hand]:
    async with hand_at(door.desk) as hand:
        yield hand


@pytest.fixture
def acme(door: Door) -> Customer:
    return Customer(door, ACME)


async def test_a_file_is_had_by_its_signed_address_alone(door: Door, acme: Customer, hand: Hand) -> None:
    job_id = await acme.queued()
    await hand.finish(job_id)
    view = (await acme.call("GET", f"/api/videos/{job_id}")).json()
    for address in (view["video_url"], view["poster_url"]):
        path = httpx.URL(address).raw_path.decode()
        assert (await door.client.get(path)).status_code == 200
        assert (await acme.call("GET", path.partition("?")[0])).status_code == 403
    video = httpx.URL(view["video_url"])
    whole = await door.client.get(video.raw_path.decode())
    assert whole.content == VIDEO
    forged = [
        video.copy_set_param("until", "99999999999"),
        video.copy_set_param("signature", "0" * 64),
        video.copy_set_param("signature", "\udcff".encode("utf-8", "surrogateescape").hex()),
        video.copy_set_param("until", "-1"),
        video.copy_remove_param("until"),
        httpx.URL(view["poster_url"]).copy_with(path=video.path),
        video.copy_with(path=f"/videos/{FINALS}video_20240101_120000_other.mp4"),
    ]
    for address in forged:
        answer = await door.client.get(address.raw_path.decode())
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden"), address


async def test_a_signature_ends(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, api_keys=KEYS, link_s=0.001)) as door, hand_at(door.desk) as hand:
        job_id = await Customer(door, ACME).queued()
        job = await hand.finish(job_id)
        address = httpx.URL(await door.desk.videos.url_for(job.final_name)).raw_path.decode()
        until = int(httpx.URL(address).params["until"])
        while time.time() <= until + 1:
            await door.client.get("/livez")
        assert (await door.client.get(address)).status_code == 403


async def test_facades_on_one_folder_know_each_other_s_signatures(tmp_path: Path, door: Door) -> None:
    async with door_to(settings_for(tmp_path, api_keys=KEYS)) as other, hand_at(door.desk) as hand:
        job = await hand.finish(await Customer(door, ACME).queued())
        address = httpx.URL(await door.desk.videos.url_for(job.final_name)).raw_path.decode()
        assert (await other.client.get(address)).status_code == 200
    secret = tmp_path / "videos" / ".link-secret"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in secret.parent.glob(".link*")] == [".link-secret"]
    assert (await door.client.get("/videos/.link-secret")).status_code == 403


async def test_without_keys_nothing_is_asked(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path)) as door, hand_at(door.desk) as hand:
        job = await hand.finish(await door.queued())
        assert job.caller is None
        assert (await door.desk.videos.url_for(job.final_name)).endswith(".mp4")
        assert not (tmp_path / "videos" / ".link-secret").exists()
