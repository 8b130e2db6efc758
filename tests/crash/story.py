"""What happens in a house: the process is killed at its point, a normal one takes its place, and the job ends."""

import asyncio
import signal
from collections.abc import Coroutine
from dataclasses import dataclass

import httpx

from schemas.domain.job import Job
from schemas.domain.object_names import is_marker, job_prefix
from tests.crash.cases import COURIER, DIRECTOR, HELD, MAKER
from tests.crash.house import LOOK_EVERY_S, House
from tests.crash.leftovers import in_the_file
from tests.crash.parts import Part
from tests.crash.points import read_points

TOLD = "after bus.publish video-completions #1"
PATIENCE_S = 250
API = "/api/videos/generate"


TRIES, AGAIN_AFTER_S = 30, 1.0
DIES_WITHIN_S = 5


class Wrong(Exception):
    """The story did not go as it must."""


class Missed(Wrong):
    """The process never came to its point. A slow machine may go another way: a write that timed out, a second try."""


@dataclass(frozen=True, slots=True)
class Left:
    """What a dead worker left behind."""

    job: Job | None
    marked: frozenset[str] = frozenset()
    """The markers in the video store."""


async def killed(house: House) -> Left:
    """The whole story. Gives what a dead worker left: a facade leaves the work to others."""
    if house.case.side == "worker":
        return await _worker_killed(house)
    if house.case.side == COURIER:
        return await _courier_killed(house)
    if house.case.side == DIRECTOR:
        await _director_killed(house)
        return Left(None)
    await _facade_killed(house)
    return Left(None)


async def healthy(house: House) -> None:
    """Nobody is killed: all points are passed, those of the start and of the end too."""
    if house.case.side == "facade":
        worker = await house.start("worker")
        await _served(house, await house.start("facade", watched=True))
        await _stop(worker)
    elif house.case.side == DIRECTOR:
        await house.order_film()
        maker = await house.start(MAKER)
        part = await house.start(DIRECTOR, watched=True)
        await _while_alive(part, _directed(house))
        await _stop(part)
        await _stop(maker)
    else:
        await house.order()
        part = await house.start(house.case.side, watched=True)
        await _while_alive(part, house.posted() if house.case.side == COURIER else house.told())
        await _stop(part)


async def _worker_killed(house: House) -> Left:
    await house.order()
    part = await house.start("worker", watched=True)
    if house.case.point == HELD:
        await _while_alive(part, house.accepted())
        part.signal(signal.SIGKILL)
    await _die(house, part)
    files = await house.desk.videos.list(job_prefix(house.job_id))
    left = Left(await house.job(), frozenset(file.name for file in files if is_marker(file.name)))
    passed = read_points(house.record)
    part = await house.start("worker")
    # A message that was not acked comes again, and is answered with a completion however often that is out already.
    await _while_alive(part, house.told((TOLD in passed) + (house.done not in passed)))
    await _stop(part)
    return left


async def _courier_killed(house: House) -> Left:
    """The next courier waits until the claim of the dead one has expired."""
    await house.order()
    part = await house.start(COURIER, watched=True)
    if await _comes(part, house.posted()):
        part.signal(signal.SIGTERM)
    if await part.gone() != -9:
        raise Missed(f"the courier passed {house.case.point!r} alive, or never came there")
    left = Left(await house.job())
    part = await house.start("worker")
    await _while_alive(part, house.posted())
    await _while_alive(part, house.told())
    await _while_alive(part, _settled(house))
    await _stop(part)
    return left


async def _director_killed(house: House) -> None:
    """The next director waits until the claim of the dead one has expired."""
    await house.order_film()
    maker = await house.start(MAKER)
    part = await house.start(DIRECTOR, watched=True)
    if await _comes(part, _directed(house)):
        await asyncio.wait([part.status], timeout=DIES_WITHIN_S)  # its last points follow what is seen from here
        part.signal(signal.SIGTERM)
    if await part.gone() != -9:
        raise Missed(f"the director passed {house.case.point!r} alive, or never came there")
    part = await house.start("worker")
    await _while_alive(part, house.film_ended())
    await _while_alive(part, house.posted())
    await _while_alive(part, _settled(house))
    await _stop(part)
    await _stop(maker)


async def _directed(house: House) -> None:
    """The watched director took the film to its end, and acked its message."""
    await house.film_ended()
    while house.done not in await asyncio.to_thread(read_points, house.record):  # noqa: ASYNC110  # of another process
        await asyncio.sleep(LOOK_EVERY_S)


async def _settled(house: House) -> None:
    """No message waits for a worker, a courier or a director. What Pub/Sub has not delivered again comes later."""
    waiting = house.ground.name == "embedded"
    while waiting:
        await asyncio.sleep(LOOK_EVERY_S)
        waiting = bool(await asyncio.to_thread(in_the_file, house))


async def _facade_killed(house: House) -> None:
    worker = await house.start("worker")
    facade = await house.start("facade", watched=True)
    if facade.ready:
        await _call(house, facade)
    await _die(house, facade)
    await _served(house, await house.start("facade"))
    await _stop(worker)


async def _served(house: House, facade: Part) -> None:
    """A caller with a key, who calls as if nothing had been."""
    answer = await _call(house, facade)
    if answer is None or answer.status_code != 200:
        raise Wrong(f"the caller was answered {answer and (answer.status_code, answer.text)}")
    if answer.json()["video_id"] != house.job_id:
        raise Wrong(f"the caller was given the video {answer.json()['video_id']}")
    await house.told()
    await _stop(facade)


async def _call(house: House, facade: Part) -> httpx.Response | None:
    """The answer, asked for again where it is 503; None where the facade went away in the middle of it."""
    key = {"Idempotency-Key": house.job_id}
    async with httpx.AsyncClient(base_url=facade.ready, timeout=PATIENCE_S, trust_env=False) as client:
        try:
            for _ in range(TRIES):
                answer = await client.post(API, json=house.case.asked, headers=key)
                if answer.status_code != 503:
                    break
                await asyncio.sleep(AGAIN_AFTER_S)
        except httpx.TransportError:
            return None
    return answer


async def _while_alive(part: Part, news: Coroutine[None, None, None]) -> None:
    """Until there is news; a process that is dead brings none."""
    if not await _comes(part, news):
        raise Wrong(f"the process ended with {await part.gone()} before its work was done")


async def _comes(part: Part, news: Coroutine[None, None, None]) -> bool:
    """Whether the news came before the process was gone."""
    waiting = asyncio.ensure_future(news)
    await asyncio.wait((waiting, part.status), return_when=asyncio.FIRST_COMPLETED)
    try:
        return waiting.done()
    finally:
        waiting.cancel()


async def _die(house: House, part: Part) -> None:
    """By its own hand. Where its work is done and it still lives, its point lies in its end: it is told to stop."""
    if await _comes(part, house.told()):
        part.signal(signal.SIGTERM)
    if await part.gone() != -9:
        raise Missed(f"the process passed {house.case.point!r} alive, or never came there")


async def _stop(part: Part) -> None:
    if status := await part.stop():
        raise Wrong(f"asked to stop, the process ended with {status}")
