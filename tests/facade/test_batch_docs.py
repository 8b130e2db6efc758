"""The program in the page about batches runs as it stands there, and survives a SIGKILL."""

import asyncio
import json
import os
import re
import sys
from pathlib import Path

import pytest

from publisher.compose import open_context
from schemas.ports import BATCH_WORKERS
from tests.facade.hand import Hand
from tests.facade.process import server_at

PAGE = Path(__file__).parents[2] / "docs" / "batch.md"


@pytest.mark.timeout(200)
async def test_the_program_in_batch_md_is_killed_and_started_again(tmp_path: Path) -> None:
    text = PAGE.read_text()
    [program] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    [asked] = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    asked_for = tmp_path / "batch.json"
    asked_for.write_text(asked)
    names = [f"{json.loads(asked)['batch_id']}-{number:03}" for number in (1, 2)]

    async def run(url: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program, str(asked_for)),
            env={**os.environ, "REELBUS_URL": url},
            stdout=asyncio.subprocess.PIPE,
        )

    async with asyncio.timeout(150), server_at(tmp_path) as server, open_context(server.settings) as desk:
        logs = asyncio.create_task(server.log.read())
        async with desk.bus.subscribe(BATCH_WORKERS, limit=10) as deliveries:
            hand = Hand(desk, deliveries)
            killed = await run(server.url)
            first = [await hand.take() for _ in names]
            killed.kill()
            await killed.wait()
            again = await run(server.url)
            assert again.stdout
            assert await again.stdout.readline() == b"2 videos for 0.0 dollars\n"
            for name in first:
                await hand.finish(name)
            printed = (await again.stdout.read()).decode().splitlines()
            assert await again.wait() == 0
        await server.terminate()
        await logs
    assert sorted(first) == names
    assert [line.split()[:2] for line in printed] == [[name, "succeeded"] for name in names]
    assert all("/videos/generated-videos/" in line for line in printed)
