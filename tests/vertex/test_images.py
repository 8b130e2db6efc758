"""First and last frames and reference images, from every entry to the wire: stored once, sent by address, erased."""

import asyncio
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from publisher.purge import purge
from schemas.domain.states import JobState
from tests.images import data_url, png
from tests.support.wire import WireHouse, wire_house
from tests.vertex.rig import VEO_FAST
from tests.vertex.script import Step

PROMPT = "A harbour at dawn, gulls"
FIRST, LAST, PERSON = (png(width=width, height=9) for width in (16, 17, 18))
FRAMES = {"reference_image": data_url(FIRST), "last_image": data_url(LAST)}
SHOWN = {"reference_images": [data_url(PERSON), data_url(FIRST)]}
KEYS = {"first frame": ["image", "lastFrame", "prompt"], "shown": ["prompt", "referenceImages"]}


async def test_the_images_of_every_entry_are_sent_by_their_addresses_and_erased(tmp_path: Path) -> None:
    async with wire_house(tmp_path) as house:
        house.vertex.studio.default = Step(shrink=8)
        facade = await house.start("facade")
        await house.start("worker")
        async with httpx.AsyncClient(base_url=facade.ready, timeout=90) as client:
            for _ in range(2):
                await _order_everywhere(house, client)
                jobs = await house.ended(4)
                assert len(jobs) == 4, "each repeated order is the job that it made"
        assert {job.state for job in jobs} == {JobState.SUCCEEDED}, [job.failure for job in jobs]
        assert {job.cost_usd for job in jobs} == {Decimal("0.40"), Decimal("0.80")}, (
            "reference images need a clip of 8 s"
        )
        files = {file.name for file in await house.desk.videos.list("references/")}
        assert len(files) == 3, "four entries sent the same three images"
        sent = [each.body["instances"][0] for each in house.vertex.books.accepted]
        assert sorted(sorted(instance) for instance in sent) == [*[KEYS["first frame"]] * 2, *[KEYS["shown"]] * 2]
        assert {uri.partition("references/")[2] for instance in sent for uri in _uris_of(instance)} == {
            name.removeprefix("references/") for name in files
        }
        assert not (await purge(house.desk, [job.job_id for job in jobs])).unfinished
        for prefix in ("references/", "referrers/"):
            assert await house.desk.videos.list(prefix) == []


async def _order_everywhere(house: WireHouse, client: httpx.AsyncClient) -> None:
    """By HTTP, in a batch, by OpenAI's shape, and on the command line."""
    plain = {"prompt": PROMPT, "duration_seconds": 4, "model": VEO_FAST}
    shaped = {"prompt": PROMPT, "model": VEO_FAST, "size": "1280x720", **SHOWN}
    for path, key, body in (
        ("/api/videos/generate", "http", {**plain, **FRAMES}),
        ("/api/videos/batch", "batch", {"batch_id": "batch", "requests": [{**plain, **SHOWN}]}),
        ("/v1/videos", "openai", shaped),
    ):
        headers = {"Prefer": "respond-async", "Idempotency-Key": key}
        answer = await client.post(path, json=body, headers=headers)
        assert answer.is_success, answer.text
    first, last = house.folder / "first.png", house.folder / "last.png"
    first.write_bytes(FIRST)
    last.write_bytes(LAST)
    options = [f"--image={first}", f"--last-image={last}", "-d4", f"--model={VEO_FAST}", "--id=cli"]
    command = [sys.executable, "-m", "publisher", "generate", PROMPT, *options, f"--url={client.base_url}"]
    process = await asyncio.create_subprocess_exec(
        *command, env=house.environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


def _uris_of(instance: dict[str, Any]) -> list[str]:
    images = [instance[name] for name in ("image", "lastFrame") if name in instance]
    return [image["gcsUri"] for image in (*images, *(each["image"] for each in instance.get("referenceImages", ())))]
