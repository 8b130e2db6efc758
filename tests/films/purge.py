"""A purge of the film `ad` in a process of its own that kills itself at one point: `python -m tests.films.purge`."""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from publisher.purge import purge
from tests.films.house import house_in
from tests.films.launch import Tap


async def run(folder: Path, point: str) -> None:
    async with house_in(folder) as house:
        ports = {name: Tap(name, getattr(house.desk, name), point) for name in ("jobs", "films", "videos")}
        await purge(replace(house.desk, **cast("Any", ports)), (), film_ids=["ad"])


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), sys.argv[2]))
