"""Runs many cases side by side on one ground each, and tells them as one table."""

import asyncio
import resource
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.crash.cases import COURIER, DIRECTOR, Case
from tests.crash.film_verdict import judged_film
from tests.crash.ground import Ground
from tests.crash.house import house_of
from tests.crash.parts import TURN
from tests.crash.story import Missed, killed
from tests.crash.verdict import Verdict, judged

SIDE_BY_SIDE = {"embedded": 36, "emulators": 16}
"""A house takes half a second of processor time: it waits for leases, claims and reconcile. On the emulators, which
look at every open stream again and again, it takes more the longer it waits."""
STARTS_AT_ONCE = 4
FILES = 8192
"""A house has about 15 open."""
TRIES = 3
THREADS = 256
"""Processes are waited for in threads."""
ENDS_WITHIN_S = 240
COLUMNS = (
    "points",
    "kills",
    "submits accepted",
    "duplicate submits",
    "lost paid clips",
    "jobs not ended",
    "completions missing",
    "orphan files",
)


async def judged_all(cases: Sequence[Case], grounds: Mapping[str, Ground]) -> dict[str, Verdict]:
    """What became of each case, by its id."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
    _raise_limit_of_files()
    turns = {ground: asyncio.Semaphore(count) for ground, count in SIDE_BY_SIDE.items()}
    TURN.set(asyncio.Semaphore(STARTS_AT_ONCE))
    longest_first = sorted(cases, key=_is_short)
    found = await asyncio.gather(
        *(
            _told(case, f"job-{index}", grounds[case.ground], turns[case.ground])
            for index, case in enumerate(longest_first)
        )
    )
    return {case.id: verdict for case, verdict in zip(longest_first, found, strict=True)}


def _raise_limit_of_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(hard, FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _is_short(case: Case) -> tuple[bool, bool]:
    """A facade's lost messages take reconcile's two minutes, the claims of couriers and directors one minute."""
    return case.side != "facade", case.side not in (COURIER, DIRECTOR)


async def _told(case: Case, job_id: str, ground: Ground, turns: asyncio.Semaphore) -> Verdict:
    """One that missed its point is tried again in another house; what went wrong otherwise is told at once."""
    async with turns:
        for attempt in range(1, TRIES + 1):
            house = f"{job_id}-{attempt}"
            try:
                return await _lived(case, house, ground)
            except Missed as miss:
                verdict = _failed(miss, ground.root / house)
            except Exception as error:  # noqa: BLE001  # one house must not take the others with it
                return _failed(error, ground.root / house)
        return verdict


async def _lived(case: Case, job_id: str, ground: Ground) -> Verdict:
    async with asyncio.timeout(ENDS_WITHIN_S), house_of(case, job_id, ground) as house:
        left = await killed(house)
        return await judged_film(house) if case.side == DIRECTOR else await judged(house, left)


def _failed(error: Exception, folder: Path) -> Verdict:
    return Verdict(killed=False, not_ended=1, wrong=(_words(error), _log(folder)))


def _words(error: Exception) -> str:
    return "".join(traceback.format_exception(error)[-3:])


def _log(folder: Path) -> str:
    log = folder / "log"
    return log.read_text()[-3000:] if log.exists() else "it never said a word"


def table(found: Sequence[Verdict]) -> str:
    """One line of names, one of numbers."""
    numbers = (
        len(found),
        sum(it.killed for it in found),
        sum(it.accepted for it in found),
        sum(it.duplicates for it in found),
        sum(it.lost for it in found),
        sum(it.not_ended for it in found),
        sum(it.untold for it in found),
        sum(it.orphans for it in found),
    )
    widths = [len(name) for name in COLUMNS]
    lines = (COLUMNS, [str(number) for number in numbers])
    return "\n".join(" | ".join(str(it).rjust(width) for it, width in zip(line, widths, strict=True)) for line in lines)
