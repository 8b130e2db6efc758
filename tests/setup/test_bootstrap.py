"""What `make demo` and `make test` do first on a fresh machine: install the lock as it is, whatever an index offers."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.setup.tree import ROOT, Tree, build_tree, find_python
from tests.setup.wheels import build_wheel

pytestmark = pytest.mark.timeout(300)  # each test makes environments


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return build_tree(tmp_path)


def test_newer_releases_of_every_package_change_nothing(tree: Tree) -> None:
    tree.lock(
        build_wheel(tree.index, "storage", "1.0", requires=["auth[crypto]>=1"]),
        build_wheel(tree.index, "auth", "1.0", requires=["ciphers>=1; extra == 'crypto'"], extras=["crypto"]),
        build_wheel(tree.index, "ciphers", "1.0"),
    )
    for name in ("storage", "auth", "ciphers"):
        build_wheel(tree.index, name, "2.0", extras=["crypto"])
    settings = tree.folder.parent / "constraints.txt"
    settings.write_text("auth>=2\n")
    # Settings that a company's machine may have: none of them may decide what is installed, nor where.
    variables = {"PIP_CONSTRAINT": str(settings), "PIP_USER": "1", "PIP_UPGRADE": "1", "PYTHONPATH": str(tree.folder)}
    done = tree.bootstrap(**variables)
    assert done.returncode == 0, done.stderr
    assert tree.installed() == {"storage==1.0", "auth==1.0", "ciphers==1.0"}
    again = tree.bootstrap(**variables)
    assert (again.returncode, again.stderr) == (0, "")


def test_a_lock_that_lacks_a_package_or_whose_hash_differs_is_refused(tree: Tree) -> None:
    storage = build_wheel(tree.index, "storage", "1.0", requires=["auth"])
    build_wheel(tree.index, "auth", "1.0")
    tree.lock(storage)
    done = tree.bootstrap()
    assert done.returncode != 0
    assert "storage 1.0 requires auth, which is not installed" in done.stderr
    tree.lock(storage[:-3] + "00\n")
    done = tree.bootstrap()
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert not (tree.folder / ".venv" / ".installed-run").exists()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_an_older_lock_left_behind_is_swept_away(tree: Tree) -> None:
    tree.lock(
        build_wheel(tree.index, "storage", "1.0", requires=["auth<2"]),
        build_wheel(tree.index, "auth", "1.0"),
    )
    assert tree.bootstrap().returncode == 0
    tree.lock(build_wheel(tree.index, "auth", "2.0"))
    done = tree.bootstrap()
    assert done.returncode == 0, done.stderr
    assert "making .venv anew: its packages do not fit together" in done.stderr
    assert tree.installed() == {"auth==2.0"}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_folder_that_was_copied_gets_a_venv_of_its_own(tree: Tree) -> None:
    tree.lock()
    assert tree.bootstrap().returncode == 0
    copy = Tree(tree.folder.with_name("copy"), tree.index)
    shutil.copytree(tree.folder, copy.folder, symlinks=True)
    done = copy.bootstrap()
    assert done.returncode == 0, done.stderr
    assert str(tree.folder) not in (copy.folder / ".venv" / "bin" / "pip").read_text()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_python_is_honoured_also_beside_a_venv_of_another(tree: Tree) -> None:
    found = {version: python for version in ("3.11", "3.12", "3.13") if (python := find_python(version))}
    if len(found) < 2:
        pytest.skip("needs two of Python 3.11, 3.12 and 3.13")
    tree.lock()
    for version, python in found.items():
        done = tree.bootstrap(PYTHON=python)
        assert done.returncode == 0, done.stderr
        assert tree.python() == version
    assert tree.bootstrap().stderr == "", "without PYTHON the .venv that is there will do"


def test_a_python_that_will_not_do_is_named(tree: Tree) -> None:
    tree.lock()
    done = tree.bootstrap(PYTHON="/bin/false")
    assert (done.returncode, done.stderr) == (
        1,
        "PYTHON=/bin/false is no Python 3.11, 3.12 or 3.13 that has venv and ensurepip\n",
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_real_lock_installs_although_everything_has_a_newer_release(tmp_path: Path) -> None:
    """The rest comes from the index that this machine uses."""
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".venv", ".git", ".reelbus", "node_modules", "*.mp4"))
    (tmp_path / "newer").mkdir()
    locked = re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "requirements" / "bench.txt").read_text(), re.MULTILINE)
    assert len(locked) > 100
    for name in set(locked):
        build_wheel(tmp_path / "newer", name, "99999.0", extras=["pyopenssl", "grpc", "redis"])
    links = " ".join(filter(None, [os.environ.get("PIP_FIND_LINKS"), str(tmp_path / "newer")]))
    done = subprocess.run(
        [copy / "scripts" / "bootstrap", "bench"],
        env={**os.environ, "PIP_FIND_LINKS": links},
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shown = subprocess.run([copy / ".venv/bin/reelbus", "--version"], capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
