"""Writes the lists of points anew: `python -m tests.crash.record`."""

import asyncio
import sys
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


async def recordings(ground: Ground) -> dict[str, list[str]]:
    """Every list of a ground anew, by the file's name. One that is not the old one is recorded once more: a slow
    machine may go another way."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
    found: dict[str, list[str]] = {}
    for side, order in LISTS:
        case = Case(ground=ground.name, side=side, order=order, point="")
        known = sorted(written_down(side, ground.name, order))
        for attempt in range(1, TRIES + 1):
            with suppress(Wrong):
                points = await recorded(case, f"healthy-{side}-{order}-{attempt}", ground)
                found[points_file(side, ground.name, order).name] = points
                if sorted(points) == known:
                    break
    return found


def main() -> None:
    """Both grounds, or the one that is named."""
    wanted = sys.argv[1:] or ["embedded", "emulators"]
    with ExitStack() as stack:
        if "embedded" in wanted:
            root = Path(stack.enter_context(TemporaryDirectory(prefix="crash-")))
            _write(asyncio.run(recordings(Embedded(root))))
        if "emulators" in wanted:
            root = Path(stack.enter_context(TemporaryDirectory(prefix="crash-")))
            ground = stack.enter_context(emulated(root, stack.enter_context(run_emulators(find_emulators()))))
            _write(asyncio.run(recordings(ground)))


def _write(lists: dict[str, list[str]]) -> None:
    for name, points in lists.items():
        (HERE / name).write_text("".join(f"{point}\n" for point in points))
        sys.stdout.write(f"{name}: {len(points)} points\n")


if __name__ == "__main__":
    main()
