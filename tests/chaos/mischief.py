"""Carries out a plan: everything that is done to the house, when its time has come, and healed in the end."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress

from tests.chaos.house import House
from tests.chaos.part import Part
from tests.chaos.plan import Plan, Trouble, What


async def make_trouble(house: House, plan: Plan) -> None:
    """Until the last trouble is over."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.TaskGroup() as group:
        for trouble in plan.troubles:
            await asyncio.sleep(max(0.0, began + trouble.at_s - loop.time()))
            house.journal.note(f"{trouble.what} {trouble.slot} for {trouble.seconds:.1f} s")
            group.create_task(_DO[trouble.what](house, trouble))


async def _kill_worker(house: House, trouble: Trouble) -> None:
    await _kill(house, trouble, house.workers[trouble.slot % len(house.workers)])


async def _kill_facade(house: House, trouble: Trouble) -> None:
    await _kill(house, trouble, house.facades[trouble.slot % len(house.facades)])


async def _kill(house: House, trouble: Trouble, part: Part) -> None:
    """It comes alive first if it is dead just now: killing the dead proves nothing."""
    await part.ready.wait()
    if part.kill():
        house.journal.done[f"{trouble.what} -9"] += 1


async def _stop_worker(house: House, trouble: Trouble) -> None:
    await _stop(house, trouble, house.workers[trouble.slot % len(house.workers)])


async def _stop_facade(house: House, trouble: Trouble) -> None:
    await _stop(house, trouble, house.facades[trouble.slot % len(house.facades)])


async def _stop(house: House, trouble: Trouble, part: Part) -> None:
    await part.ready.wait()
    pid = part.stop()
    await asyncio.sleep(trouble.seconds)
    part.resume(pid)
    house.journal.done[trouble.what] += 1


async def _cut_model(house: House, trouble: Trouble) -> None:
    await house.model.cut()
    await asyncio.sleep(trouble.seconds)
    await house.model.mend()
    house.journal.done["outages: " + trouble.what] += 1


async def _cut_store(house: House, trouble: Trouble) -> None:
    proxy = house.stores[trouble.slot % len(house.stores)]
    await proxy.cut()
    await asyncio.sleep(trouble.seconds)
    await proxy.mend()
    house.journal.done["outages: " + trouble.what] += 1


async def _stop_store(house: House, trouble: Trouble) -> None:
    pid = house.stop_store(trouble.slot)
    try:
        await asyncio.sleep(trouble.seconds)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGCONT)
    house.journal.done["outages: " + trouble.what] += 1


async def _fill_disk(house: House, trouble: Trouble) -> None:
    """For everybody, or for one worker alone."""
    parts = [*house.workers, *house.facades] if trouble.slot % 2 else [house.workers[trouble.slot % len(house.workers)]]
    full = [(part, part.fill_disk()) for part in parts]
    await asyncio.sleep(trouble.seconds)
    for part, pid in full:
        part.empty_disk(pid)
    house.journal.done["outages: " + trouble.what] += 1


_DO: dict[What, Callable[[House, Trouble], Coroutine[None, None, None]]] = {
    What.KILL_WORKER: _kill_worker,
    What.KILL_FACADE: _kill_facade,
    What.STOP_WORKER: _stop_worker,
    What.STOP_FACADE: _stop_facade,
    What.CUT_MODEL: _cut_model,
    What.CUT_STORE: _cut_store,
    What.STOP_STORE: _stop_store,
    What.FILL_DISK: _fill_disk,
}
