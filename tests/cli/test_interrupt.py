"""Ctrl-C at every moment of `reelbus generate`: exit code 130, no traceback, and only what is true about the job."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from publisher.cli.generate import check_target
from publisher.context import PublisherContext
from schemas.domain.job import Job
from tests.cli.commands import PROMPT, Shell
from tests.cli.processes import ROOT, Processes

_INTERRUPTER = '''
"""Sends this process SIGINT when it imports a module, or calls a function: `INTERRUPT_AT=module[:function]`."""
import os, signal, sys

module, _, function = os.environ.pop("INTERRUPT_AT", ":").partition(":")

def interrupt():
    os.kill(os.getpid(), signal.SIGINT)

def profile(frame, event, _):
    if event == "call" and frame.f_code.co_name == function and frame.f_globals.get("__name__") == module:
        sys.setprofile(None)
        interrupt()

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            sys.meta_path.remove(self)
            sys.setprofile(profile) if function else interrupt()

sys.meta_path.insert(0, Finder())
'''
SHORT = ("generate", PROMPT, "--duration", "1", "--id", "one")


def _interrupted(processes: Processes, at: str, *more: str) -> str:
    """What `generate` says on stderr when Ctrl-C comes there."""
    hook = processes.folder / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(_INTERRUPTER)
    path = os.pathsep.join((str(hook), str(ROOT)))
    code, out, err = processes.run_anew(*SHORT, *more, PYTHONPATH=path, INTERRUPT_AT=at, REELBUS_DRAIN_S="0")
    assert (code, out) == (130, ""), err
    assert "Traceback" not in err
    assert "Interrupted" in err
    return err


def _job(shell: Shell) -> Job | None:
    async def read(desk: PublisherContext) -> Job | None:
        return await desk.jobs.get("one")

    return shell.with_desk(read)


@pytest.mark.parametrize("at", ["click", "publisher.cli.generate", "schemas.errors"])
def test_while_it_loads(processes: Processes, at: str) -> None:
    assert _interrupted(processes, at) == "Error: Interrupted; nothing was done\n"
    assert [each.name for each in processes.folder.iterdir()] == ["hook"]


@pytest.mark.parametrize(
    "at",
    ["publisher.cli.generate:check_target", "publisher.cli.options:build_request", "publisher.compose:open_context"],
)
def test_before_the_job_is_stored(processes: Processes, shell: Shell, at: str) -> None:
    assert _interrupted(processes, at, "-o", "one.mp4").splitlines()[-1].startswith("Error: Interrupted")
    assert not [each.name for each in processes.folder.iterdir() if each.name not in ("hook", "data")]
    assert _job(shell) is None


def test_while_the_job_is_stored(processes: Processes) -> None:
    """Whether it is can't be known at that moment."""
    err = _interrupted(processes, "publisher.submit:submit")
    assert "Interrupted. The job may be stored; it is not cancelled; see reelbus status one" in err


def test_while_it_waits(processes: Processes, shell: Shell) -> None:
    err = _interrupted(processes, "publisher.cli.generate:_follow")
    assert "Interrupted. The job is not cancelled, a worker continues it, or this command with --id one" in err
    job = _job(shell)
    assert job
    assert not job.cancel_requested


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("publisher.cli.generate:download", "not downloaded; the same command with --id one downloads it"),
        ("publisher.cli.output:result", "The video is finished: "),
    ],
)
def test_once_the_video_is_finished(processes: Processes, at: str, words: str) -> None:
    err = _interrupted(processes, at, "-o", "one.mp4")
    assert words in err
    files = [each.name for each in processes.folder.iterdir() if each.name not in ("hook", "data")]
    assert files == (["one.mp4"] if "result" in at else [])


def test_twice(processes: Processes) -> None:
    """The second time it does not wait for its worker, which ends by itself."""
    generate = processes.start("generate", PROMPT, "--duration", "30", "--id", "one")
    generate.complaint("(generating)")
    generate.signal(signal.SIGINT)
    generate.complaint("(Ending)")
    generate.signal(signal.SIGINT)
    code, out, err = generate.end()
    assert (code, out) == (130, "")
    assert "Traceback" not in err
    assert "The job is not cancelled" in err


def test_a_parent_that_ignores_it(tmp_path: Path) -> None:
    """As `nohup` and background jobs of a script do."""
    program = (
        "import signal, os; from publisher.interrupt import exit_on_interrupt as go; go(); os.kill(os.getpid(), 2)"
    )
    command = ["sh", "-c", f"trap '' INT; exec {sys.executable} -c '{program}'"]
    assert subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, check=False).returncode == 0


def test_the_try_to_write_leaves_nothing(tmp_path: Path) -> None:
    check_target(tmp_path / "one.mp4")
    assert list(tmp_path.iterdir()) == []
