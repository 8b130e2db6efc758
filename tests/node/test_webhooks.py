"""A receiver in Node with the package `standardwebhooks`, before, during and after a rotation of the secrets."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from schemas.wire.webhook import derive_secret, show_secret
from tests.e2e.processes import House, client_of

OLD, NEW = bytes(range(32)), bytes(range(100, 140))
SETTINGS = {"REELBUS_WEBHOOK_NETWORKS": "127.0.0.0/8"}
RECEIVER = Path(__file__).with_name("webhook_receiver.js")


@dataclass
class NodeReceiver:
    """A Node process that verifies what it gets."""

    process: asyncio.subprocess.Process
    port: int

    async def next(self) -> dict[str, Any]:
        """What it says of the next event."""
        assert self.process.stdout
        async with asyncio.timeout(120):
            line: dict[str, Any] = json.loads(await self.process.stdout.readline())
        return line


@asynccontextmanager
async def receiver_with(master: bytes) -> AsyncIterator[NodeReceiver]:
    """A receiver that knows the secret of callers without a key."""
    secret = show_secret(derive_secret(master, None))
    process = await asyncio.create_subprocess_exec("node", str(RECEIVER), secret, stdout=asyncio.subprocess.PIPE)
    assert process.stdout
    try:
        yield NodeReceiver(process, int(await process.stdout.readline()))
    finally:
        process.kill()
        await process.wait()


def house_with(house: House, *masters: bytes) -> House:
    secrets = ",".join(map(show_secret, masters))
    return House(house.folder, house.log, {**SETTINGS, "REELBUS_WEBHOOK_SECRETS": secrets})


async def order_video(url: str, job_id: str, receiver: NodeReceiver) -> None:
    webhook = {"url": f"http://127.0.0.1:{receiver.port}/hook?token=secret-1", "events": ["succeeded"]}
    body = {"job_id": job_id, "prompt": "A harbour at dawn", "duration_seconds": 1, "webhook": webhook}
    async with client_of(url) as client:
        answer = await client.post("/api/videos/generate", json=body, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202, answer.text
    assert "secret-1" not in answer.text


async def order_film(url: str, film_id: str, receiver: NodeReceiver) -> None:
    scene = {"name": "one", "prompt": "A harbour at dawn", "duration_seconds": 1}
    webhook = {"url": f"http://127.0.0.1:{receiver.port}/hook?token=secret-1", "events": ["succeeded"]}
    async with client_of(url) as client:
        answer = await client.post("/api/films", json={"film_id": film_id, "scenes": [scene], "webhook": webhook})
    assert answer.status_code == 202, answer.text
    assert "secret-1" not in answer.text


@pytest.mark.timeout(300)
async def test_a_node_receiver_verifies_every_event_also_during_a_rotation(house: House) -> None:
    with house_with(house, OLD).facade() as (_, url):
        async with receiver_with(OLD) as old, receiver_with(NEW) as new:
            with house_with(house, OLD).worker():
                await order_video(url, "before", old)
                seen = await old.next()
                assert (seen["id"], seen["event"]["type"]) == ("before-1-succeeded", "reelbus.video.succeeded.v1")
                assert seen["event"]["data"]["gcs_path"].startswith("generated-videos/")
                assert seen["event"]["statusurl"].endswith("/api/videos/before")
                assert seen["film"] is None
                await order_film(url, "before", old)
                seen = await old.next()
                assert (seen["id"], seen["film"]["filmId"]) == ("before-1-film-succeeded", "before")
                assert seen["film"]["film"]["gcsPath"].startswith("generated-videos/film_before-")
                assert seen["event"]["statusurl"].endswith("/api/films/before")
            with house_with(house, NEW, OLD).worker():
                await asyncio.gather(order_video(url, "during-1", old), order_video(url, "during-2", new))
                assert (await old.next())["id"] == "during-1-1-succeeded"
                assert (await new.next())["id"] == "during-2-1-succeeded"
            with house_with(house, NEW).worker():
                await asyncio.gather(order_video(url, "after-1", old), order_video(url, "after-2", new))
                assert (await old.next())["refused"], "the old secret is not valid any more"
                assert (await new.next())["id"] == "after-2-1-succeeded"
    assert "secret-1" not in house.log.read_text()
