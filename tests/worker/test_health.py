"""The probes of a worker."""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import httpx
import pytest

from schemas.errors import Invalid, Unavailable
from schemas.ports import Bus, StoredFile, Subscription, VideoStore
from subscriber.context import WorkerContext
from subscriber.health import open_health
from tests.facade.faults import UnreachableJobs
from tests.support.ports import free_port
from tests.worker.bench import Bench


@dataclass
class Unreachable:
    """A real port that answers nothing which a probe asks."""

    port: object

    def __getattr__(self, name: str) -> object:
        return getattr(self.port, name)

    async def check(self, _: Subscription) -> Sequence[str]:
        raise Unavailable("the bus is out of reach")

    async def list(self, _: str) -> Sequence[StoredFile]:
        raise Unavailable("the video store is out of reach")


async def _ask(port: int, path: str) -> tuple[int, dict[str, str]]:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{port}{path}")
        return answer.status_code, answer.json()


@pytest.fixture
def port() -> int:
    return free_port()


async def test_a_worker_is_ready_from_its_start_to_its_stop(bench: Bench, port: int) -> None:
    async with open_health(bench.ctx, "127.0.0.1", port, stopping=bench.ctx.stopping) as health:
        assert await _ask(port, "/livez") == (200, {"status": "alive"})
        assert await _ask(port, "/readyz") == (503, {"status": "unavailable", "missing": "start"})
        health.show_ready()
        assert await _ask(port, "/readyz") == (200, {"status": "ready"})
        bench.ctx.stopping.set()
        assert await _ask(port, "/readyz") == (503, {"status": "draining"})
        assert (await _ask(port, "/livez"))[0] == 200
    with pytest.raises(httpx.ConnectError):
        await _ask(port, "/livez")


@pytest.mark.parametrize("missing", ["jobs", "bus", "videos"])
async def test_a_worker_without_a_port_is_not_ready(bench: Bench, port: int, missing: str) -> None:
    ctx: WorkerContext = bench.ctx
    if missing == "jobs":
        ctx = replace(ctx, jobs=UnreachableJobs())
    elif missing == "bus":
        ctx = replace(ctx, bus=cast("Bus", Unreachable(ctx.bus)))
    else:
        ctx = replace(ctx, videos=cast("VideoStore", Unreachable(ctx.videos)))
    async with open_health(ctx, "127.0.0.1", port, stopping=ctx.stopping) as health:
        health.show_ready()
        assert await _ask(port, "/readyz") == (503, {"status": "unavailable", "missing": missing})
        assert (await _ask(port, "/livez"))[0] == 200


async def test_a_taken_port_is_a_clear_error(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(Invalid, match=f"REELBUS_HEALTH_PORT: can't listen on 127.0.0.1 port {port}"):
            async with asyncio.timeout(10), open_health(bench.ctx, "127.0.0.1", port, stopping=bench.ctx.stopping):
                pass
