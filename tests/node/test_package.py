"""The package itself: its own suite, its types, and what a user gets who installs it."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.e2e.processes import House
from tests.node.driver import DRIVE

SUITES = sorted(DRIVE.parent.glob("*.test.js"))
SHIPPED = {
    "LICENSE",
    "README.md",
    "index.d.ts",
    "index.js",
    "package.json",
    "videoGenerationService.d.ts",
    "videoGenerationService.js",
}
_TRY_IT = """
import { createClient } from "reelbus";
import { buildVideoPrompt } from "reelbus/videoGenerationService.js";

console.log(buildVideoPrompt({ title: "A harbour at dawn", location: "Kiel" }));
for (const address of ["http://127.0.0.1:1", "pubsub://acme", "ftp://acme"]) {
  try {
    await createClient(address).generate({ prompt: "A harbour at dawn" });
  } catch (error) {
    console.log(error.message);
  }
}
"""


_OLD_PROGRAM = """
import { generateVideoFromPrompt } from "./service.js";

console.log((await generateVideoFromPrompt("A beautiful sunset over mountains", 1, "fast")).videoUrl);
"""


def test_its_own_suite_passes() -> None:
    told = _run("node", "--test", "--test-reporter=tap", *map(str, SUITES))
    passed = re.search(r"^# pass ([0-9]+)$", told, re.MULTILINE)
    assert passed
    assert int(passed[1]) > 300
    assert "\n# skipped 0\n" in told


def test_types_that_drifted_are_named(package: Path, tmp_path: Path) -> None:
    here, schemas = tmp_path / "publisher/node", tmp_path / "schemas/json"
    (here / "scripts").mkdir(parents=True)
    schemas.mkdir(parents=True)
    for name in ("request", "cancel", "film", "completion", "film_completion", "view"):
        schema = (package.parents[1] / "schemas/json" / f"{name}.schema.json").read_text()
        text = schema.replace('"reason"', '"cause"') if name == "cancel" else schema
        (schemas / f"{name}.schema.json").write_text(text)
    (tmp_path / "publisher/facade").symlink_to(package.parent / "facade")
    for name in ("node_modules", "types", "package.json"):
        (here / name).symlink_to(package / name)
    (here / "scripts/types.js").write_text((package / "scripts/types.js").read_text())
    done = subprocess.run(
        ["node", "scripts/types.js", "--check"], cwd=here, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert [line.partition(" ")[0] for line in done.stderr.splitlines()] == ["types/cancel.d.ts"]


def test_the_package_holds_what_users_need_and_works_without_google_s_client(package: Path, tmp_path: Path) -> None:
    (packed,) = json.loads(_run("npm", "pack", "--json", "--pack-destination", str(tmp_path), cwd=package))
    held = {each["path"] for each in packed["files"]}
    sources = {f"src/{path.name}" for path in (package / "src").iterdir()}
    types = {f"types/{path.name}" for path in (package / "types").iterdir()}
    assert held == SHIPPED | sources | types
    assert packed["size"] < 90_000
    (tmp_path / "package.json").write_text('{"type": "module"}')
    _run(
        "npm",
        "install",
        "--no-audit",
        "--no-fund",
        "--prefer-offline",
        str(tmp_path / packed["filename"]),
        cwd=tmp_path,
    )
    assert not (tmp_path / "node_modules/@google-cloud").exists()
    (tmp_path / "try.js").write_text(_TRY_IT)
    assert _run("node", "try.js", cwd=tmp_path).splitlines() == [
        "A harbour at dawn.",
        "fetch failed (bad port)",
        "pubsub:// needs Google's client: npm install @google-cloud/pubsub",
        'address must be http://…, https://… or pubsub://project, not "ftp://acme"',
    ]


def test_the_tarball_of_make_packages_runs_the_programs_of_its_page(
    house: House, package: Path, tmp_path: Path
) -> None:
    page = (package.parents[1] / "docs/node.md").read_text()
    [program] = [block for block in re.findall(r"```js\n(.*?)```", page, re.DOTALL) if "createClient" in block]
    [pack] = re.findall(r"npm pack .*? \./publisher/node", (package.parents[1] / "scripts/packages").read_text())
    assert '"$dist"' in pack
    _run(*pack.replace('"$dist"', str(tmp_path)).split(), cwd=package.parents[1])
    [tarball] = tmp_path.glob("reelbus-*.tgz")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    _run("npm", "install", "--no-audit", "--no-fund", "--prefer-offline", str(tarball), cwd=tmp_path)
    (tmp_path / "service.js").write_text('export * from "reelbus/videoGenerationService.js";')
    (tmp_path / "new.js").write_text(program)
    with house.facade() as (_, url), house.worker():
        (tmp_path / "old.js").write_text(_OLD_PROGRAM)
        told = _run("node", "new.js", cwd=tmp_path, REELBUS_URL=url)
        old = _run("node", "old.js", cwd=tmp_path, PYTHON_API_URL=url)
    price, video, listed = (line.split() for line in told.splitlines())
    assert price == ["price", "0", "animatic"]
    assert video[2].endswith(".mp4")
    assert listed == ["listed", video[1]]
    assert old.strip().endswith(".mp4")
    assert len(house.finals()) == 2


def test_a_built_file_that_is_stale_is_named(package: Path, tmp_path: Path) -> None:
    shutil.copytree(package, tmp_path / "node", ignore=shutil.ignore_patterns("node_modules"))
    (tmp_path / "node" / "node_modules").symlink_to(package / "node_modules")
    check = ["node", "scripts/bundle.js", "--check"]
    _run(*check, cwd=tmp_path / "node")
    with (tmp_path / "node" / "src" / "legacy.js").open("a") as source:
        source.write("export const more = 1;\n")
    done = subprocess.run(check, cwd=tmp_path / "node", capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr.partition(" ")[0]) == (1, "videoGenerationService.js")


def test_the_licence_is_named_and_lies_beside_it(package: Path) -> None:
    licence = (package.parents[1] / "LICENSE").read_text()
    assert "Apache License" in licence
    assert (package / "LICENSE").read_text() == licence
    assert json.loads((package / "package.json").read_text())["license"] == "Apache-2.0"


def test_the_lock_file_names_versions_and_digests_and_no_place(package: Path) -> None:
    lock = json.loads((package / "package-lock.json").read_text())
    installed = [each for path, each in lock["packages"].items() if path]
    assert all(each["version"] and each["integrity"] for each in installed)
    assert not any("resolved" in each for each in installed)
    wanted = json.loads((package / "package.json").read_text())
    pins = {**wanted["dependencies"], **wanted["devDependencies"]}
    assert all(re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", version) for version in pins.values())


def _run(*command: str, cwd: Path | None = None, **variables: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("REELBUS_", "PYTHON_API"))}
    done = subprocess.run(
        command, cwd=cwd, env={**clean, **variables}, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-5000:]}\n{done.stderr[-3000:]}"
    return done.stdout
