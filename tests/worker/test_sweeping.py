"""What a killed worker left in the scratch folder goes a day later, when the next one starts."""

import os
import time
from pathlib import Path

from subscriber.compose import open_workshop
from subscriber.settings import WorkerSettings

A_DAY_AND_AN_HOUR_S = 25 * 3600


async def test_a_folder_goes_in_the_same_sweep_as_the_files_in_it(tmp_path: Path) -> None:
    settings = WorkerSettings(data_dir=tmp_path)
    left, young = (settings.scratch_dir / name for name in ("assembly-left", "assembly-young"))
    for folder in (left, young):
        folder.mkdir(parents=True)
        (folder / "clip-0.mp4").write_bytes(b"half")
    for path in (left / "clip-0.mp4", left):
        os.utime(path, (time.time() - A_DAY_AND_AN_HOUR_S,) * 2)
    async with open_workshop(settings):
        assert sorted(settings.scratch_dir.rglob("*")) == [young, young / "clip-0.mp4"]
