"""Writes the lists of points anew: `python -m tests.crash.record`."""

import asyncio
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.gcp.emulators import find_emulators, run_emulators
from tests.crash.cases import HERE, LISTS, Case, points_file, written_down
from tests.crash.ground import Embedded, Ground, emulated
from tests.crash.house import house_of
from tests.crash.points import read_points
from tests.crash.story import Wrong, healthy

THREADS = 32
TRIES = 3


async def recorded(case: Case, job_id: str, ground: Ground) -> list[str]:
    """The points of a healthy run. Raises `Wrong` where it was none."""
    async with house_of(case, job_id, ground) as house:
        await healthy(house)
        jobs = await house.jobs()
        if not jobs or any(clip.attempt != 1 for job in jobs for clip in job.clips):
            raise Wrong("the machine is too slow for a healthy run")
        return read_points(house.record)


async def recordings(grounds: Iterable[Ground]) -> dict[str, list[str]]:
    """Every list of these grounds anew, by the file's name: all side by side. One that is not the old one is recorded
    again, alone: a slow machine may go another way."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
    lists = [
        (Case(ground=ground.name, side=side, order=order, point=""), ground)
        for ground in grounds
        for side, order in LISTS
    ]
    found: dict[str, list[str]] = {}

    async def record(case: Case, attempt: int, ground: Ground) -> None:
        with suppress(Wrong):
            points = await recorded(case, f"healthy-{case.side}-{case.order}-{attempt}", ground)
            found[points_file(case.side, case.ground, case.order).name] = points

    await asyncio.gather(*(record(case, 0, ground) for case, ground in lists))
    for case, ground in lists:
        for attempt in range(1, TRIES + 1):
            points = found.get(points_file(case.side, case.ground, case.order).name, ())
            if sorted(points) == sorted(written_down(case.side, case.ground, case.order)):
                break
            await record(case, attempt, ground)
    return found


def main() -> None:
    """Both grounds, or the one that is named."""
    wanted = sys.argv[1:] or ["embedded", "emulators"]
    grounds: list[Ground] = []
    with ExitStack() as stack:
        if "embedded" in wanted:
            root = Path(stack.enter_context(TemporaryDirectory(prefix="crash-")))
            grounds.append(Embedded(root))
        if "emulators" in wanted:
            root = Path(stack.enter_context(TemporaryDirectory(prefix="crash-")))
            grounds.append(stack.enter_context(emulated(root, stack.enter_context(run_emulators(find_emulators())))))
        _write(asyncio.run(recordings(grounds)))


def _write(lists: dict[str, list[str]]) -> None:
    for name, points in lists.items():
        (HERE / name).write_text("".join(f"{point}\n" for point in points))
        sys.stdout.write(f"{name}: {len(points)} points\n")


if __name__ == "__main__":
    main()
