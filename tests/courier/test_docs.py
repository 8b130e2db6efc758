"""The receiver in the documentation runs as it stands there."""

import asyncio
import os
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from infra.webhooks.poster import HttpPoster
from schemas.wire.webhook import show_secret, sign
from schemas.wire.webhook_address import parse_policy

PAGE = Path(__file__).parents[2] / "docs" / "webhooks.md"
SECRET, OTHER = bytes(range(32)), bytes(32)


async def test_the_receiver_in_webhooks_md_takes_what_is_signed_once() -> None:
    [program] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program),
        env={**os.environ, "WEBHOOK_SECRETS": f"{show_secret(OTHER)},{show_secret(SECRET)}", "PORT": "0"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout
    poster, body = HttpPoster(parse_policy("127.0.0.0/8", "443")), b'{"type": "reelbus.video.succeeded.v1"}'
    try:
        url, now = (await process.stdout.readline()).decode().strip(), datetime.now(UTC)
        signed = sign([SECRET], webhook_id="j1-1-succeeded", at=now, body=body)
        assert [(await poster.post(url, body, signed)).status for _ in range(2)] == [204, 204]
        late = sign([SECRET], webhook_id="j1-1-succeeded", at=now - timedelta(minutes=6), body=body)
        foreign = sign([b"x" * 24], webhook_id="j1-1-succeeded", at=now, body=body)
        assert [(await poster.post(url, body, headers)).status for headers in (late, foreign)] == [400, 400]
    finally:
        process.kill()
        printed = (await process.communicate())[0].decode()
        await poster.aclose()
    assert printed == "j1-1-succeeded reelbus.video.succeeded.v1\n"
