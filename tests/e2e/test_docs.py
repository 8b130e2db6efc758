"""The programs in the documentation run as they stand there."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.e2e.processes import House

ROOT = Path(__file__).resolve().parents[2]


def test_the_program_in_messages_md_publishes_a_request_and_hears_of_its_end(house: House) -> None:
    [program] = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "messages.md").read_text(), re.DOTALL)
    with house.worker():
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "REELBUS_DATA_DIR": str(house.folder)},
            cwd=house.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert "SUCCEEDED" in done.stdout, done.stderr
    assert len(house.finals()) == 1
