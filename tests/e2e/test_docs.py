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


def test_no_page_and_no_message_sends_anyone_to_a_registry_that_does_not_have_it() -> None:
    shown = [
        ROOT / "README.md",
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "examples").rglob("*.*"),
        ROOT / "infra/adapters.py",
    ]
    shown += [path for path in (ROOT / "publisher").rglob("*.*") if "node_modules" not in path.parts]
    for path in shown:
        if path.suffix in {".md", ".py", ".js", ".ts"}:
            found = re.search(r"(?:pip|npm) (?:install|i) (?:[\"']?reelbus)", path.read_text())
            assert found is None, f"{path}: {found[0]}"


def test_the_readme_says_what_the_local_renderer_is_before_it_speaks_of_a_video() -> None:
    text = (ROOT / "README.md").read_text()
    assert text.index("does not picture the\nprompt") < text.index(".mp4")
    assert "![" not in text[: text.index("does not picture")]
