"""`make chaos`: hurts a house for minutes, lets it heal, and prints what came of it. Exit status 1: a promise broken.

`python -m tests.chaos --jobs 300 --kills 50 --seed 7 --minutes 2 --house embedded|google`
"""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from random import Random
from tempfile import mkdtemp

import httpx

from publisher.compose import open_context
from publisher.context import PublisherContext
from tests.chaos import houses
from tests.chaos.audit import audit
from tests.chaos.callers import Callers
from tests.chaos.evidence import gather, listening, until_settled
from tests.chaos.facts import Facts
from tests.chaos.house import House
from tests.chaos.journal import Journal
from tests.chaos.mischief import make_trouble
from tests.chaos.plan import EMBEDDED, GOOGLE, Plan, plan_of
from tests.chaos.table import table

_HOUSES = {"embedded": (houses.embedded, EMBEDDED), "google": (houses.google, GOOGLE)}
_USUAL = {
    "embedded": {"jobs": 300, "kills": 51, "minutes": 2},
    "google": {"jobs": 60, "kills": 12, "minutes": 1},
}
"""What fits into four minutes on two cores, and what into three."""
_CALL_TIMEOUT_S = 15.0
_FINDINGS_SHOWN = 20
_SHOWN_WIDE = 600


async def _until_stopped(asked: argparse.Namespace, folder: Path) -> bool:
    """A SIGTERM cleans up, too."""
    run = asyncio.create_task(_run(asked, folder))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, run.cancel)
    return await run


async def _run(asked: argparse.Namespace, folder: Path) -> bool:
    open_house, kinds = _HOUSES[asked.house]
    plan = plan_of(asked.seed, jobs=asked.jobs, kills=asked.kills, seconds=asked.minutes * 60, others=kinds)
    _say(f"{plan}\nlogs: {folder / 'log'}")
    journal = Journal(folder / "log")
    began = time.monotonic()
    async with open_house(folder, asked.seed, journal) as house, open_context(house.settings) as desk:
        async with listening(desk, journal), house.living():
            await _live_through(house, desk, plan, asked.patience)
        facts = await gather(house, desk, plan)
    journal.close()
    faults = audit(facts)
    _say(f"\n{table(facts, faults)}\n\n{time.monotonic() - began:.0f} s")
    return _judged(facts, faults, journal)


async def _live_through(house: House, desk: PublisherContext, plan: Plan, patience_s: float) -> None:
    """The trouble, and then fair weather until every job has ended, or patience has."""
    timeout = httpx.Timeout(_CALL_TIMEOUT_S, connect=5)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx.AsyncClient(timeout=timeout, limits=limits) as http, asyncio.TaskGroup() as group:
        callers = Callers(urls=house.urls, desk=desk, journal=house.journal, http=http, random=Random(plan.seed))
        ordering = group.create_task(callers.order(plan.orders))
        await make_trouble(house, plan)
        await http.post(f"{house.model_url}/_fair")
        house.journal.note("all is well")
        _say("trouble is over; waiting for every job to end")
        reminding = group.create_task(callers.remind(plan.orders if house.forgets else ()))
        try:
            async with asyncio.timeout(patience_s):
                await ordering
                await until_settled(desk, plan, house.journal)
        except TimeoutError:
            house.journal.note("patience is over")
            ordering.cancel()
        finally:
            reminding.cancel()


def _judged(facts: Facts, faults: Mapping[str, list[str]], journal: Journal) -> bool:
    """Says why, where a zero is none."""
    for promise, found in faults.items():
        if found:
            _say(f"\n{promise}:")
            for line in (*found[:_FINDINGS_SHOWN], *journal.lines_about(found[:_FINDINGS_SHOWN])):
                _say(f"  {line[:_SHOWN_WIDE]}")
    unhurt = not facts.paid or not facts.done
    if unhurt:
        _say("\nnothing was done to the house, or it did nothing: this proves nothing")
    return not unhurt and not any(faults.values())


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def main() -> None:
    """Parses, runs, exits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, help="how many films are ordered")
    parser.add_argument("--kills", type=int)
    parser.add_argument("--minutes", type=float, help="how long there is trouble")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--patience", type=float, default=240, help="seconds for the rest to end")
    parser.add_argument("--house", choices=tuple(_HOUSES), default="embedded")
    parser.add_argument("--folder", type=Path, help="an empty folder for data and logs; else a temporary one, kept")
    asked = parser.parse_args()
    for name, usual in _USUAL[asked.house].items():
        setattr(asked, name, usual if getattr(asked, name) is None else getattr(asked, name))
    folder = asked.folder or Path(mkdtemp(prefix="reelbus-chaos-"))
    sys.exit(0 if asyncio.run(_until_stopped(asked, folder)) else 1)


if __name__ == "__main__":
    main()
