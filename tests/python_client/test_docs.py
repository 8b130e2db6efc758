"""The receiver of webhooks in docs/python-client.md, run as it stands there, gets what a real worker posts."""

import asyncio
import os
import re
import runpy
import shutil
import sys
from pathlib import Path

import pytest

from reelbus_client import AsyncReelbus
from schemas.wire.webhook import derive_secret, show_secret
from tests.e2e.processes import House
from tests.unit.media_clips import play

ROOT = Path(__file__).parents[2]
MASTER = bytes(range(32))


def program_of(number: int) -> str:
    """One of the programs of the page."""
    found = re.findall(r"```python\n(.*?)```", (ROOT / "docs/python-client.md").read_text(), re.DOTALL)
    assert len(found) == 4
    return str(found[number])


def environment(**variables: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "publisher/python"), **variables}


@pytest.mark.timeout(400)
async def test_the_receiver_gets_the_end_of_a_job_and_of_the_film_of_the_page(house: House, tmp_path: Path) -> None:
    settings = {"REELBUS_WEBHOOK_NETWORKS": "127.0.0.0/8", "REELBUS_WEBHOOK_SECRETS": show_secret(MASTER)}
    own = House(house.folder, house.log, settings)
    secrets = f"{show_secret(bytes(40))},{show_secret(derive_secret(MASTER, None))}"
    receiver = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program_of(2)),
        env=environment(WEBHOOK_SECRETS=secrets, PORT="0"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert receiver.stdout
    try:
        hook = (await receiver.stdout.readline()).decode().strip()
        with own.facade() as (_, url), own.worker():
            async with AsyncReelbus(url) as client:
                request = {"job_id": "order-1", "prompt": "A harbour at dawn", "duration_seconds": 1}
                video = await client.generate({**request, "webhook": {"url": hook}})
                async with asyncio.timeout(120):
                    line = (await receiver.stdout.readline()).decode()
            program = program_of(1).replace('"spring",', f'"spring", "webhook": {{"url": "{hook}"}},', 1)
            made = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", program),
                cwd=tmp_path,
                env=environment(REELBUS_URL=url),
                stdout=asyncio.subprocess.PIPE,
            )
            printed, _ = await made.communicate()
            async with asyncio.timeout(120):
                of_film = (await receiver.stdout.readline()).decode()
    finally:
        receiver.kill()
        await receiver.wait()
    assert line == f"order-1 succeeded {video.gcs_path}\n"
    assert printed.decode() == "0.0 USD\n3.5 s\n"
    assert of_film.startswith("spring succeeded generated-videos/film_spring-")
    assert play(tmp_path / "spring.mp4").frames == 84


def test_models_that_drifted_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ("request", "answers", "film_end", "api")
    for name in names:
        shutil.copy(ROOT / f"publisher/python/reelbus_client/models/{name}.py", tmp_path)
    with (tmp_path / "api.py").open("a") as file:
        file.write("MORE = 1\n")
    script = runpy.run_path(str(ROOT / "scripts/client_models.py"))
    script["main"].__globals__.update(MODELS=tmp_path)
    assert script["main"](["--check"]) == 1
    assert [line.partition(" ")[0] for line in capsys.readouterr().err.splitlines()] == ["models/api.py"]
