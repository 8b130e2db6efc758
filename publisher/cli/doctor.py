"""`reelbus doctor` says line by line whether a deployment is right, and what to do where it is not."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

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
_EVALUATOR = "evaluator"
_READ_WITHIN_S = 30
"""How long a process may take to read its settings."""


@click.command(cls=Command)
@click.option(
    "--for",
    "process",
    type=click.Choice([*_PROCESSES, _EVALUATOR, "both"]),
    default="both",
    show_default=True,
    help="The process whose roles and settings are looked at. both: facade and worker, and the evaluator if "
    "REELBUS_EVALUATION names its service.",
)
@json_option
def doctor(process: str, as_json: bool) -> None:
    """Say whether settings, services and this machine are right, line by line.

    Each wrong line has its remedy. Nothing is made, changed or paid. The exit code is 1 if something is wrong.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its own lines about a service that does not answer
    found = list(_look(process))
    wrong = [finding for finding in found if finding.verdict is Verdict.WRONG]
    if as_json:
        click.echo(json.dumps({"ok": not wrong, "findings": [asdict(finding) for finding in found]}))
    else:
        for line in _format(found):
            echo(line)
    sys.exit(1 if wrong else 0)


def _look(process: str) -> Iterator[Finding]:
    try:
        settings = configuration()
    except Invalid as error:
        yield Finding.wrong("settings", "", str(error), "correct the variable, or its line in .env")
        return
    yield Finding.ok("settings", "", "every variable is known, and can be used")
    processes = [*_PROCESSES, *([_EVALUATOR] if settings.evaluation else [])] if process == "both" else [process]
    if "facade" in processes:
        yield examine_facade(settings)
    if "worker" in processes:
        yield examine_settings_of("worker", "subscriber", "settings")[0]
    outline = dict[str, Any]()
    if _EVALUATOR in processes:
        read, text = examine_settings_of(_EVALUATOR, "subscriber.evaluation", "--show-settings")
        yield read
        if read.verdict is Verdict.WRONG:
            processes.remove(_EVALUATOR)  # the address of its service is not known
        else:
            outline = json.loads(text)
            yield from examine_evaluator(settings, outline)
    yield from asyncio.run(examine(settings, processes, outline.get("base_url", "")))


def examine_facade(settings: PublisherSettings) -> Finding:
    try:
        check_exposure(settings)
    except Invalid as error:
        return Finding.wrong("settings of a facade", "", str(error), "set REELBUS_API_KEYS: reelbus key new NAME")
    callers = "callers need a key" if settings.knows_callers else "callers need no key"
    return Finding.ok("settings of a facade", "", f"{callers} on {settings.host}")


def examine_evaluator(settings: PublisherSettings, outline: Mapping[str, Any]) -> Iterator[Finding]:
    """Look at settings with which an evaluator starts, and scores nothing or something else."""
    name = "evaluator"
    if not settings.evaluation:
        words = "REELBUS_EVALUATION names no service: no video is scored"
        yield Finding.wrong("settings", name, words, "set REELBUS_EVALUATION=vertex://PROJECT/LOCATION")
        return
    if not outline["per_day"]:
        words = "REELBUS_EVALUATIONS_PER_DAY is 0: no video is scored"
        yield Finding.wrong("settings", name, words, "set REELBUS_EVALUATIONS_PER_DAY=200, or another number")
        return
    if not outline["is_known_metric"]:
        words = f"REELBUS_EVALUATION_METRIC is {outline['metric']}, which this version does not know"
        yield Finding.note("settings", name, words, "correct it: a refused name costs a try of each first video")
    shares = ", ".join(f"{share:g} of {project}" for project, share in outline["share"].items() if share)
    chosen = f"requests with evaluate, and {shares}" if shares else "requests with evaluate"
    yield Finding.ok("settings", name, f"at most {outline['per_day']} calls a day, for {chosen}")


def examine_settings_of(process: str, module: str, *arguments: str) -> tuple[Finding, str]:
    """Let the process's own program read its settings: this program knows only those of all.

    Returns what the program wrote, too.
    """
    kind = f"settings of {'an' if process == _EVALUATOR else 'a'} {process}"
    program = command(module, *arguments)
    try:
        read = subprocess.run(
            program,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_READ_WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        words = f"were not read within {_READ_WITHIN_S} s"
        return Finding.wrong(kind, "", words, "look what else runs on this machine"), ""
    if read.returncode == 0:
        return Finding.ok(kind, "", "can be used"), read.stdout.decode()
    lines = read.stderr.decode(errors="replace").strip().splitlines() or [f"ended with {read.returncode}"]
    words = lines[-1].removeprefix(f"reelbus {process}: ")
    return Finding.wrong(kind, "", words, "correct the variable, or its line in .env"), ""


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
