"""Callers with keys of their own."""

from dataclasses import dataclass
from typing import Any

import httpx

from publisher.settings import new_key
from tests.facade.doors import ASYNC, GENERATE, PROMPT, Door

ACME, ACME_KNOWN = new_key("acme")
ACME_2, ACME_2_KNOWN = new_key("acme")
ZEBRA, ZEBRA_KNOWN = new_key("zebra")
KEYS = (ACME_KNOWN, ACME_2_KNOWN, ZEBRA_KNOWN)


@dataclass(frozen=True, slots=True)
class Customer:
    """A caller with a key."""

    door: Door
    key: str

    async def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key}", **more.pop("headers", {})}
        return await self.door.client.request(method, path, headers=headers, **more)

    async def post(self, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        return await self.call("POST", GENERATE, json={"prompt": PROMPT, **body}, headers=headers or {})

    async def queued(self, **body: Any) -> str:
        answer = await self.post(ASYNC, **body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["video_id"])
