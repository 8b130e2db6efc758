"""Importing us does nothing: no file written, no socket, no environment read. And no Google where none is used."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("schemas", "publisher", "subscriber", "infra")
_PROBE = """
import importlib, json, os, pkgutil, sys

wanted = json.loads(sys.argv[1])
sys.path.insert(0, sys.argv[2])
OURS = tuple(os.path.join(sys.argv[2], name) + os.sep for name in ("schemas", "publisher", "subscriber", "infra"))
ASKS_FOR_US = ("<frozen os>", os.__file__, "_collections_abc", "pydantic", "dotenv")
DEEDS = {"socket.connect", "socket.bind", "subprocess.Popen", "sqlite3.connect", "os.mkdir", "os.remove", "os.rename"}
done, reads, missing = [], [], []


def ours():
    # Ours: asked by our own line, or by a settings object that it made. What gettext wants to know is its own affair.
    frame = sys._getframe(2)
    while frame and any(part in frame.f_code.co_filename for part in ASKS_FOR_US):
        frame = frame.f_back
    return bool(frame) and frame.f_code.co_filename.startswith(OURS)


def watch(event, arguments):
    if event == "socket.bind" and "urllib3" in sys._getframe(1).f_code.co_filename:
        return  # it looks whether this machine speaks IPv6
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if event in DEEDS or (writes and not str(arguments[0]).endswith(".pyc")):
        done.append(f"{event} {arguments[0]}")


class Watched(type(os.environ)):
    def __getitem__(self, key):
        if ours() and not key.startswith("PYDANTIC_"):  # pydantic looks for plugins whenever a model is defined
            reads.append(key)
        return super().__getitem__(key)

    def __iter__(self):
        if ours():
            reads.append("*")
        return super().__iter__()


def modules(name):
    try:
        package = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return
    yield name
    for found in pkgutil.walk_packages(getattr(package, "__path__", []), name + "."):
        yield found.name


sys.dont_write_bytecode = True
os.environ.__class__ = Watched
sys.addaudithook(watch)
at_start = set(sys.modules)  # google-cloud-aiplatform's .pth file puts empty namespaces into every process
seen = []
for name in wanted:
    for module in modules(name):
        if module.endswith("__main__"):
            continue
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            if not (error.name or "").startswith(("google", "opentelemetry")):
                raise
            missing.append(module)
        seen.append(module)
new = set(sys.modules) - at_start
google = sorted(name for name in new if name == "google" or name.startswith(("google.", "vertexai", "grpc")))
json.dump({"seen": seen, "done": done, "reads": reads, "google": google, "missing": missing}, sys.stdout)
"""


@cache
def imported(*names: str, root: Path = ROOT) -> dict[str, Any]:
    """What importing every module under these names did, in a fresh process without any environment."""
    run = subprocess.run(
        [sys.executable, "-I", "-W", "ignore", "-c", _PROBE, json.dumps(names), str(root)],
        env={},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    report: dict[str, Any] = json.loads(run.stdout)
    return report


def test_the_watch_sees_what_it_is_there_for(tmp_path: Path) -> None:
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "__init__.py").write_text("")
    naughty = "import os\nos.getenv('HOME')\ndict(os.environ)\nopen(__file__ + '.log', 'w').close()\n"
    (tmp_path / "infra" / "naughty.py").write_text(naughty)
    report = imported("infra", root=tmp_path)
    assert report["seen"] == ["infra", "infra.naughty"]
    assert {"HOME", "*"} <= set(report["reads"])
    assert [deed.partition(" ")[0] for deed in report["done"]] == ["open"]


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_every_module_does_no_io_and_reads_no_environment(package: str) -> None:
    report = imported(package)
    assert report["seen"], f"{package} can be imported"
    assert report["done"] == []
    assert report["reads"] == []


def test_a_module_is_missing_something_only_where_google_is_spoken() -> None:
    assert all(name.startswith(("infra.gcp", "infra.telemetry")) for name in imported("infra")["missing"])


def test_the_embedded_path_imports_no_google() -> None:
    report = imported("schemas", "infra.adapters", "infra.embedded", "publisher", "subscriber")
    assert "infra.embedded" in report["seen"]
    assert report["google"] == []


def test_the_kernel_needs_nothing_but_pydantic() -> None:
    modules = "schemas.ports, schemas.wire.message, schemas.domain.projections"
    code = f"import {modules}, sys; print(*{{n.split('.')[0] for n in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    loaded = set(run.stdout.split())
    assert loaded.isdisjoint(
        {"publisher", "subscriber", "infra", "starlette", "httpx", "click", "rich", "av", "sqlite3"}
    )
