"""Prompts are in no log, however the job ends and however much is logged."""

import re

import httpx
import pytest

from tests.e2e.processes import House, client_of

MARK = "Xylophonequagga"
SCENE = {"title": f"{MARK} opening", "description": f"A {MARK} walks", "visual": MARK, "script": MARK}


async def test_no_prompt_is_logged(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Facade and worker as real processes, everything logged that there is."""
    monkeypatch.setenv("REELBUS_LOG_LEVEL", "DEBUG")
    with house.facade() as (_, url), house.worker():
        async with client_of(url) as client:
            good = await _ask(client, job_id="good", prompt=f"A {MARK} at dawn", style=MARK)
            scene = await _ask(client, job_id="scene", scene=SCENE, labels={"team": MARK.lower()})
            reused = await _ask(client, job_id="good", prompt=f"Another {MARK} at dusk")
            refused = [
                await _ask(client, prompt=MARK[:5]),
                await _ask(client, prompt=f"A {MARK} at noon", quality=MARK),
                await _ask(client, prompt=f"A {MARK} at noon", reference_image=f"data:{MARK}"),
                await _ask(client, prompt=f"A {MARK} at noon", model=MARK),
                await _ask(client, prompt=f"A {MARK} at noon", negative_prompt=MARK),
            ]
            cancelled = await client.delete("/api/videos/scene", params={"reason": MARK})
            listed = await client.get("/api/videos", params={"state": MARK})
    assert [good.status_code, scene.status_code, reused.status_code] == [200, 200, 409]
    assert {answer.status_code for answer in refused} <= {400, 500}
    assert (cancelled.status_code, listed.status_code) == (200, 400)
    assert MARK in good.text
    log = house.log.read_text()
    assert "submit_accepted" in log
    assert not re.search(MARK, log, re.IGNORECASE), [line for line in log.splitlines() if MARK.lower() in line.lower()]


async def _ask(client: httpx.AsyncClient, **body: object) -> httpx.Response:
    return await client.post("/api/videos/generate", json={"duration_seconds": 1, **body})
