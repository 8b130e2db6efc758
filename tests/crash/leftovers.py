"""What a killed process may leave behind: half-made files, and messages that nobody takes."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from schemas.ports import BATCH_WORKERS, DEAD_WORKERS, FILM_WORKERS, WEBHOOKS, WORKERS
from schemas.wire.message import Message
from tests.crash.cases import COURIER, DIRECTOR
from tests.crash.house import House
from tests.crash.points import read_points

_LATER_S = 25 * 3600
_WORKERS = (WORKERS.name, BATCH_WORKERS.name, DEAD_WORKERS.name)
_OF_SIDES = {COURIER: WEBHOOKS.name, DIRECTOR: FILM_WORKERS.name}
"""What only the houses of these sides have."""
_COUNT = """
    SELECT name, count(*) FROM deliveries JOIN subscriptions ON id = subscription_id
    WHERE name IN (?, ?, ?, ?) GROUP BY name
"""
"""A dead facade's own subscription goes by itself."""


async def unswept(house: House) -> list[Path]:
    """Half-made files that are still there when a worker starts a day later."""
    files = list(_half_made(house.folder))
    if not files:
        return []
    for path in files:
        os.utime(path, (time.time() - _LATER_S,) * 2)
    await (await house.start("worker")).stop()
    return list(_half_made(house.folder))


def _half_made(folder: Path) -> Iterator[Path]:
    for place in (folder / "scratch", folder / "videos" / ".incoming"):
        yield from sorted(place.rglob("*"), reverse=True)


async def undelivered(house: House) -> list[str]:
    """What still waits for a worker now that none runs."""
    if house.ground.name == "embedded":
        return in_the_file(house)
    if house.case.side in _OF_SIDES or house.done in read_points(house.record):
        return []  # Pub/Sub's client sends an ack a moment later: one that was cut off comes again, now or later
    return await _before_the_last(house)


def in_the_file(house: House) -> list[str]:
    """What waits in the SQLite file of a house: for workers, and for the couriers or directors that are killed."""
    names = (*_WORKERS, _OF_SIDES.get(house.case.side, ""))
    with closing(sqlite3.connect(f"file:{house.folder / 'reelbus.db'}?mode=ro", uri=True)) as connection:
        waiting = [f"{count} for {name}" for name, count in connection.execute(_COUNT, names)]
        dead = connection.execute("SELECT count(*) FROM dead_letters").fetchone()[0]
    return [*waiting, *([f"{dead} dead letters"] if dead else [])]


async def _before_the_last(house: House) -> list[str]:
    """One more message is sent, and what comes before it was left behind."""
    last = Message(data=b"{}", attributes={"job_id": "the-last"})
    await house.desk.bus.publish(house.case.lane.topic, last)
    found: list[str] = []
    async with house.desk.bus.subscribe(house.case.lane, limit=100) as deliveries:
        async for delivery in deliveries:
            await delivery.ack()
            if delivery.message.attributes.get("job_id") == "the-last":
                break
            found.append(str(dict(delivery.message.attributes)))
    return found
