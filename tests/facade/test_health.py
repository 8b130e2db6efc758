"""Health for callers, liveness and readiness for orchestrators."""

from dataclasses import replace

from publisher.facade.call import State
from tests.facade.doors import Door, door_over
from tests.facade.faults import UnreachableBus, UnreachableJobs
from tests.unit.test_embedded_videos import largest_file


async def test_health_is_exactly_as_ever(door: Door) -> None:
    answer = await door.client.get("/api/videos/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "healthy", "service": "video-generation-api"}


async def test_alive_and_ready(door: Door) -> None:
    assert (await door.client.get("/livez")).json() == {"status": "alive"}
    assert (await door.client.get("/readyz")).json() == {"status": "ready"}


async def test_not_ready_without_a_store(door: Door) -> None:
    desk = replace(door.desk, jobs=UnreachableJobs())
    state: State = {**door.state, "ctx": desk}
    async with door_over(state) as other:
        assert (await other.client.get("/readyz")).status_code == 503
        assert (await other.client.get("/livez")).status_code == 200
        answer = await other.client.get("/api/videos/some-job")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
        assert answer.json()["error"]["retryable"] is True


async def test_not_ready_without_a_bus(door: Door) -> None:
    async with door_over({**door.state, "ctx": replace(door.desk, bus=UnreachableBus(door.desk.bus))}) as other:
        answer = await other.client.get("/readyz")
        assert (answer.status_code, answer.json()["missing"]) == (503, "bus")
        assert (await other.client.get("/livez")).status_code == 200


async def test_a_visitor_finds_its_way(door: Door) -> None:
    links = (await door.client.get("/")).json()
    assert (await door.client.get(links["openapi"])).json()["openapi"] == "3.1.0"


async def test_not_ready_on_a_full_disk(door: Door) -> None:
    """A limit of file sizes is the nearest to a full disk that needs no privileges; SQLite's own files are past it."""
    with largest_file(1024):
        answer = await door.client.get("/readyz")
        assert (answer.status_code, answer.json()["missing"]) == (503, "disk")
        assert "/" not in answer.json()["reason"]
        assert (await door.client.get("/livez")).status_code == 200


async def test_a_probe_of_the_disk_leaves_nothing_and_is_not_made_for_each_call(door: Door) -> None:
    folder = door.state["settings"].data_dir
    for _ in range(3):
        assert (await door.client.get("/readyz")).status_code == 200
    assert list(folder.rglob(".probe-*")) == []
    with largest_file(1024):
        assert (await door.client.get("/readyz")).status_code == 200, "it was tried a moment ago"
