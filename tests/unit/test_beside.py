"""`scripts/beside` runs the parts of a make target beside each other: none of them may fail unseen."""

import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "beside"


def _run(*commands: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SCRIPT, *commands], capture_output=True, text=True, timeout=60, check=False)


def test_each_command_s_output_is_whole_and_in_order() -> None:
    done = _run("echo first", "echo second; sleep 0.1; echo its end >&2", "echo third")
    assert (done.returncode, done.stderr) == (0, "")
    printed = [line for line in done.stdout.splitlines() if not line.startswith("echo ")]
    assert printed == ["first", "second", "its end", "third"]


def test_a_failure_of_any_fails_the_run_and_the_others_end() -> None:
    for commands in (("false", "echo b"), ("echo a", "false"), ("echo a", "exit 7", "echo b")):
        done = _run(*commands)
        assert done.returncode == 1
        assert set(commands) <= set(done.stdout.splitlines())
        (failed,) = {*commands} & {"false", "exit 7"}
        assert done.stderr == f"failed: {failed}\n"
    assert _run("exit 2", "exit 3").stderr == "failed: exit 2, exit 3\n"


def test_they_run_at_the_same_time(tmp_path: Path) -> None:
    """Each waits for a file that the other one makes."""
    one, two = (f"touch {tmp_path / a}; until [ -e {tmp_path / b} ]; do sleep 0.02; done" for a, b in ("ab", "ba"))
    assert _run(one, two).returncode == 0
