"""`reelbus doctor` says line by line whether a deployment is right, and what to do where it is not."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

import click

from publisher.cli.configuration import configuration
from publisher.cli.errors import Command
from publisher.cli.options import json_option
from publisher.cli.output import echo
from publisher.cli.processes import command, environment
from publisher.compose import examine
from publisher.facade.hosts import check_exposure
from publisher.settings import PublisherSettings
from schemas.errors import Invalid
from schemas.ports.findings import Finding, Verdict

_PROCESSES = ("facade", "worker")
_WORKER_S = 30
"""How long the worker may take to read its settings."""


@click.command(cls=Command)
@click.option(
    "--for",
    "process",
    type=click.Choice([*_PROCESSES, "both"]),
    default="both",
    show_default=True,
    help="The process whose roles and settings are looked at.",
)
@json_option
def doctor(process: str, as_json: bool) -> None:
    """Say whether settings, services and this machine are right, line by line.

    Each wrong line has its remedy. Nothing is made, changed or paid. The exit code is 1 if something is wrong.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its own lines about a service that does not answer
    processes = _PROCESSES if process == "both" else (process,)
    found = list(_look(processes))
    wrong = [finding for finding in found if finding.verdict is Verdict.WRONG]
    if as_json:
        click.echo(json.dumps({"ok": not wrong, "findings": [asdict(finding) for finding in found]}))
    else:
        for line in _format(found):
            echo(line)
    sys.exit(1 if wrong else 0)


def _look(processes: Sequence[str]) -> Iterator[Finding]:
    try:
        settings = configuration()
    except Invalid as error:
        yield Finding.wrong("settings", "", str(error), "correct the variable, or its line in .env")
        return
    yield Finding.ok("settings", "", "every variable is known, and can be used")
    if "facade" in processes:
        yield examine_facade(settings)
    if "worker" in processes:
        yield examine_worker_settings()
    yield from asyncio.run(examine(settings, processes))


def examine_facade(settings: PublisherSettings) -> Finding:
    try:
        check_exposure(settings)
    except Invalid as error:
        return Finding.wrong("settings of a facade", "", str(error), "set REELBUS_API_KEYS: reelbus key new NAME")
    callers = "callers need a key" if settings.knows_callers else "callers need no key"
    return Finding.ok("settings of a facade", "", f"{callers} on {settings.host}")


def examine_worker_settings() -> Finding:
    """Let the worker's own program read its settings: this program knows only those of both."""
    program = command("subscriber", "settings")
    try:
        read = subprocess.run(
            program, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=_WORKER_S, check=False
        )
    except subprocess.TimeoutExpired:
        words = f"were not read within {_WORKER_S} s"
        return Finding.wrong("settings of a worker", "", words, "look what else runs on this machine")
    if read.returncode == 0:
        return Finding.ok("settings of a worker", "", "can be used")
    lines = read.stderr.decode(errors="replace").strip().splitlines() or [f"ended with {read.returncode}"]
    words = lines[-1].removeprefix("reelbus worker: ")
    return Finding.wrong("settings of a worker", "", words, "correct the variable, or its line in .env")


def _format(found: Iterable[Finding]) -> Iterator[str]:
    """Return a line for each finding, its remedy in the next line, and a count at the end."""
    counts = dict.fromkeys(Verdict, 0)
    for finding in found:
        counts[finding.verdict] += 1
        mark = "WRONG" if finding.verdict is Verdict.WRONG else finding.verdict.value
        about = f"{finding.kind} {finding.name}".strip()
        yield f"{mark:<8} {about}: {finding.words}"
        if finding.remedy:
            yield f"{'':<8} → {finding.remedy}"
    yield ", ".join(f"{count} {verdict.value}" for verdict, count in counts.items() if count)
