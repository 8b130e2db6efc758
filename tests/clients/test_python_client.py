"""Our client for Python as a user has it: its wheel in an empty environment, beside a folder `schemas` of its own."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.e2e.processes import House

ROOT = Path(__file__).parents[2]
_PROGRAM = """
import json
import sys

import schemas.order  # the user's own
from reelbus_client import Reelbus

with Reelbus(sys.argv[1]) as client:
    video = client.generate({"prompt": schemas.order.PROMPT, "duration_seconds": 1}, key="order-1")
    again = client.generate({"prompt": schemas.order.PROMPT, "duration_seconds": 1}, key="order-1")
    path = client.download(video.video_id, "lighthouse.mp4")
print(json.dumps({"ids": [video.video_id, again.video_id], "file": path.name, "modules": sorted(sys.modules)}))
"""


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("REELBUS_", "PYTHON"))}
    environment = {**clean, "PIP_CONSTRAINT": os.devnull, "PIP_USER": "0", "NO_PROXY": "*", **variables}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The Python of an environment that holds the client, the versions that it is tested with, and nothing else."""
    python, dist = tmp_path / "empty/bin/python", tmp_path / "dist"
    pip = (sys.executable, "-m", "pip", "-qq", "--python", str(python))
    made = run(ROOT / "scripts/packages", dist, cwd=tmp_path).split()
    [client] = dist.glob("reelbus_client-*.whl")
    [whole] = dist.glob("reelbus-*.whl")
    assert {client.name, whole.name, "python-client.txt", "run.txt"} <= {*made}
    assert not [name for name in zipfile.ZipFile(whole).namelist() if name.startswith("publisher/python")]
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "empty", cwd=tmp_path)
    locked = ("--only-binary", ":all:", "--require-hashes", "-r", str(dist / "python-client.txt"))
    run(*pip, "install", "--no-deps", *locked, cwd=tmp_path)
    run(*pip, "install", "--no-deps", "--no-index", client, cwd=tmp_path)
    run(*pip, "check", cwd=tmp_path)
    return python


@pytest.mark.timeout(280)  # an environment is made, and packages are downloaded
def test_the_installed_wheel_makes_a_video_beside_a_folder_schemas_of_the_user_s(
    house: House, tmp_path: Path, python: Path
) -> None:
    own = tmp_path / "project"
    (own / "schemas").mkdir(parents=True)
    (own / "schemas/__init__.py").touch()
    (own / "schemas/order.py").write_text('PROMPT = "A lighthouse at dawn"\n')
    (own / "program.py").write_text(_PROGRAM)
    with house.facade() as (_, url), house.worker():
        found = json.loads(run(python, "program.py", url, cwd=own))
        [program, *_] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/python-client.md").read_text(), re.DOTALL)
        run(python, "-c", program, cwd=own, REELBUS_URL=url)
    assert found["ids"][0] == found["ids"][1]
    assert b"ftyp" in (own / "lighthouse.mp4").read_bytes()[:16]
    assert b"ftyp" in (own / "bicycle.mp4").read_bytes()[:16]
    assert len(house.finals()) == 2
    assert {"schemas", "schemas.order"} == {name for name in found["modules"] if name.split(".")[0] == "schemas"}
    assert not {"publisher", "subscriber", "infra", "google.cloud"} & {*found["modules"]}
    assert "key-" in found["ids"][0]
    help_text = run(python, "-c", "import reelbus_client.models as m; print(m.VideoRequest.__doc__)", cwd=own)
    assert "A request for one video" in help_text
