"""Runs Terraform on a copy of infra/deploy, with the stand-in as its providers."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "infra/deploy"
BUILD = ROOT / "build/deploy"
"""Where `make deploy-check` puts what it downloads."""
EVERYTHING = str(ROOT / "tests/deploy/samples/everything.tfvars")
"""Variables with every option in use."""
_NOT_SOURCE = shutil.ignore_patterns(".terraform*", "terraform.tfstate*", "plan")

Resource = dict[str, Any]


class TerraformFailed(AssertionError):
    """Terraform ended with another exit code than 0."""


def kinds_in(folder: Path) -> set[str]:
    """Return every resource and data source that the folder names."""
    found = set()
    for file in folder.rglob("*.tf"):
        if ".terraform" not in file.parts:
            for block, name in re.findall(r'^\s*(resource|data) "(google_\w+)"', file.read_text(), re.MULTILINE):
                found.add(f"data.{name}" if block == "data" else name)
    return found


@dataclass(frozen=True, slots=True)
class State:
    """What an apply made, by address."""

    resources: Mapping[str, Resource]

    def of(self, kind: str) -> list[Resource]:
        """Return the resources of one kind, or those of one name: `kind.name`."""
        return [it for address, it in self.resources.items() if address.startswith((f"{kind}.", f"{kind}["))]

    def one(self, kind: str) -> Resource:
        """Return the only resource of a kind, or of a name."""
        [found] = self.of(kind)
        return found


@dataclass(frozen=True, slots=True)
class Deployment:
    """A copy of infra/deploy beside a link to docs/, which it reads, too."""

    root: Path
    environment: Mapping[str, str]

    @classmethod
    def copy(cls, root: Path, environment: Mapping[str, str]) -> "Deployment":
        """Copy the folder under `root`."""
        shutil.copytree(DEPLOY, root / "infra/deploy", ignore=_NOT_SOURCE)
        (root / "docs").symlink_to(ROOT / "docs")
        return cls(root, environment)

    @property
    def folder(self) -> Path:
        """The root module."""
        return self.root / "infra/deploy"

    def terraform(self, *words: str, folder: str = ".") -> str:
        """Run Terraform, and return its output. Raises `TerraformFailed`."""
        command = ["terraform", f"-chdir={self.folder / folder}", *words]
        environment = os.environ | self.environment
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            said = " ".join((done.stdout + done.stderr).split())  # it breaks lines anywhere
            raise TerraformFailed(f"terraform {' '.join(words)} ended with {done.returncode}: {said}")
        return done.stdout

    def validate(self, folder: str = ".") -> None:
        """Check every name, type and reference."""
        self.terraform("init", "-input=false", folder=folder)
        self.terraform("validate", "-no-color", folder=folder)

    def test(self) -> None:
        """Run the module's own tests."""
        self.terraform("init", "-input=false")
        self.terraform("test", "-no-color")

    def apply(self, variables: str) -> State:
        """Apply on a local state, and return it. `variables` is a file of the module."""
        self.terraform("init", "-input=false")
        self.terraform("apply", "-auto-approve", "-input=false", "-no-color", f"-var-file={variables}")
        shown = json.loads(self.terraform("show", "-json"))["values"]["root_module"]["resources"]
        return State({it["address"]: it["values"] for it in shown})

    def plan_again(self, variables: str) -> None:
        """Plan once more. Raises `TerraformFailed` if that would change anything."""
        words = ("plan", "-detailed-exitcode", "-input=false", "-no-color", "-lock=false", f"-var-file={variables}")
        self.terraform(*words)

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace the one place in a file that holds `old`. Raises `LookupError` if it is not there once."""
        path = self.folder / file
        text = path.read_text()
        if text.count(old) != 1:
            raise LookupError(f"{file} holds {text.count(old)} times: {old}")
        path.write_text(text.replace(old, new))
