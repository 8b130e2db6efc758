"""`reelbus doctor` on the embedded default: each thing that is wrong has its line, its remedy, and the exit code 1."""

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from infra.embedded import doctor as embedded
from infra.embedded.doctor import examine_file_system, examine_folder
from infra.look import run_look
from schemas.errors import Invalid
from schemas.ports.findings import Finding, Verdict
from tests.cli.commands import Shell


def _examine(shell: Shell, *options: str, **variables: str) -> tuple[int, dict[tuple[str, str], dict[str, str]]]:
    result = shell("doctor", "--json", *options, **variables)
    assert result.stderr == ""
    said = json.loads(result.stdout)
    assert all(finding["remedy"] for finding in said["findings"] if finding["verdict"] == "wrong")
    return result.exit_code, {(finding["kind"], finding["name"]): finding for finding in said["findings"]}


def _wrong(found: dict[tuple[str, str], dict[str, str]]) -> list[str]:
    return [finding["words"] for finding in found.values() if finding["verdict"] == "wrong"]


def test_a_new_machine_is_right_and_stays_as_it_is(shell: Shell) -> None:
    code, found = _examine(shell)
    assert (code, _wrong(found)) == (0, [])
    assert {"settings", "folder", "disk", "clock", "locks", "links", "pipes", "renderer", "worker"} <= {
        kind for kind, _ in found
    }
    assert not shell.data_dir.exists()


def test_jobs_without_a_worker_are_found(shell: Shell) -> None:
    shell.queued("j1")
    code, found = _examine(shell)
    assert (code, _wrong(found)) == (1, ["no worker has been seen yet, and jobs wait for one"])
    assert found["database", str(shell.data_dir / "reelbus.db")]["words"] == "is whole"


def test_for_people_a_line_has_its_remedy_below(shell: Shell) -> None:
    shell.queued("j1")
    result = shell("doctor")
    lines = result.stdout.splitlines()
    at = lines.index("WRONG    worker: no worker has been seen yet, and jobs wait for one")
    assert lines[at + 1] == "         → start one: reelbus worker, or reelbus up"
    assert "1 wrong" in lines[-1]


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("REELBUS_BUDGTES", "[]", "did you mean REELBUS_BUDGETS?"),
        ("REELBUS_HOST", "0.0.0.0", "requires no key"),
        ("REELBUS_BUS", "kafka://here", "the scheme 'kafka' is not known"),
        ("REELBUS_JOBS", "firestore://p/d/e", "must be firestore://project/database"),
        ("REELBUS_VIDEOS", "gs://b?ttl=x", "must be gs://bucket"),
        ("REELBUS_PROVIDER", "vertex://a/b/c", "must be vertex://project"),
        ("REELBUS_PROVIDER", "sora:", "the scheme 'sora' is not known"),
    ],
)
def test_a_wrong_setting_is_one_line(shell: Shell, variable: str, value: str, words: str) -> None:
    code, found = _examine(shell, "--for", "facade", **{variable: value})
    (wrong,) = _wrong(found)
    assert (code, words in wrong) == (1, True)


def test_each_process_has_its_own_settings(shell: Shell) -> None:
    variables = {"REELBUS_SUBMITTING_HOLD_S": "1", "REELBUS_HOST": "0.0.0.0"}
    (of_a_facade,) = _wrong(_examine(shell, "--for", "facade", **variables)[1])
    (of_a_worker,) = _wrong(_examine(shell, "--for", "worker", **variables)[1])
    assert "requires no key" in of_a_facade
    assert "HOLD_S" in of_a_worker.upper()


def test_a_damaged_database_is_found(shell: Shell) -> None:
    shell.queued("j1")
    (shell.data_dir / "reelbus.db").write_bytes(b"no database at all" * 1000)
    code, found = _examine(shell)
    assert (code, len(_wrong(found))) == (1, 1)


def test_a_folder_that_can_t_be_used_is_found(shell: Shell) -> None:
    shell.data_dir.write_text("a file")
    code, found = _examine(shell)
    assert code == 1
    assert any("is no folder" in words for words in _wrong(found))


def test_a_full_disk_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "ROOM_BYTES", 1 << 62)
    (finding,) = [each for each in examine_folder(tmp_path) if each.verdict is Verdict.WRONG]
    assert finding.kind == "disk"


def test_a_clock_that_was_set_back_is_found(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "reelbus.db").close()
    (tmp_path / "reelbus.db").touch()
    later = (tmp_path / "reelbus.db").stat().st_mtime + 3600
    os.utime(tmp_path / "reelbus.db", (later, later))
    (finding,) = embedded.examine_clock(tmp_path)
    assert (finding.verdict, "s behind the newest file" in finding.words) == (Verdict.WRONG, True)


def test_locks_that_keep_no_one_out_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a network file system without locks: every lock is given to everyone."""
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    wrong = [finding.words for finding in examine_file_system(tmp_path) if finding.verdict is Verdict.WRONG]
    assert wrong == ["two processes can lock one file (flock)"]
    assert list(tmp_path.iterdir()) == []


async def test_a_look_that_hangs_is_a_line() -> None:
    forever = Event()

    def look() -> Iterator[Finding]:
        yield Finding.ok("topic", "a", "exists")
        forever.wait()

    before, finding = await run_look("bus", "pubsub://p", look, within_s=0.02)
    forever.set()
    assert (before.name, finding.verdict, finding.words) == ("a", Verdict.WRONG, "does not answer within 0 s")


@pytest.mark.parametrize("error", [Invalid("two\nlines"), OSError(5, "broken"), ZeroDivisionError("a bug")])
async def test_a_look_that_fails_is_a_line_after_those_before(error: Exception) -> None:
    def look() -> list[Finding]:
        raise error

    (finding,) = await run_look("disk", "", look)
    assert (finding.verdict, "\n" in finding.words) == (Verdict.WRONG, False)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"REELBUS_EVALUATION": ""}, "REELBUS_EVALUATION names no service: no video is scored"),
        ({"REELBUS_EVALUATIONS_PER_DAY": "0"}, "REELBUS_EVALUATIONS_PER_DAY is 0: no video is scored"),
        ({"REELBUS_EVALUATIONS_PER_DAY": "-1"}, "REELBUS_EVALUATIONS_PER_DAY must be at least 0, not -1"),
        ({"REELBUS_EVALUATION_SHARE": '{"a": 5}'}, "REELBUS_EVALUATION_SHARE (a) must be at most 1, not 5"),
        ({"REELBUS_EVALUATION": "gecko://a"}, "the scheme 'gecko' is not known; use one of: vertex"),
        ({"REELBUS_EVALUATION": "vertex://a/b/c"}, "must be vertex://project or vertex://project/location"),
    ],
)
def test_settings_of_an_evaluator_are_read_by_its_own_program(
    shell: Shell, variables: dict[str, str], words: str
) -> None:
    given = {
        "REELBUS_EVALUATION": "vertex://acme/europe-west4",
        "REELBUS_EVALUATION_BASE_URL": "http://127.0.0.1:9",
        **variables,
    }
    code, found = _examine(shell, "--for", "evaluator", **given)
    assert code == 1
    assert any(words in each for each in _wrong(found)), found


def test_an_evaluator_is_looked_at_where_a_service_is_named(shell: Shell) -> None:
    _, without = _examine(shell)
    assert ("settings of an evaluator", "") not in without
    service = {"REELBUS_EVALUATION": "vertex://acme/europe-west4", "REELBUS_EVALUATION_BASE_URL": "http://127.0.0.1:9"}
    shares = {"REELBUS_EVALUATION_SHARE": '{"ads": 0.5}', "REELBUS_EVALUATION_METRIC": "other_v1"}
    code, found = _examine(shell, **service, **shares)
    assert code == 1
    assert found["evaluation", "http://127.0.0.1:9"]["verdict"] == "wrong"
    assert (
        found["settings", "evaluator"]["words"] == "at most 200 calls a day, for requests with evaluate, and 0.5 of ads"
    )


def test_json_has_the_documented_keys(shell: Shell) -> None:
    said = json.loads(shell("doctor", "--json", "--for", "facade", REELBUS_HOST="0.0.0.0").stdout)
    assert set(said) == {"ok", "findings"}
    assert said["ok"] is False
    keys = {frozenset(finding) for finding in said["findings"]}
    assert keys == {frozenset({"verdict", "kind", "name", "words", "remedy"})}
    assert {finding["verdict"] for finding in said["findings"]} <= {verdict.value for verdict in Verdict}


def test_exit_codes_are_the_documented_ones(shell: Shell) -> None:
    assert shell("doctor", "--for", "facade").exit_code == 0
    assert shell("doctor", "--for", "facade", REELBUS_BUDGTES="[]").exit_code == 1
    assert shell("doctor", "--for", "nothing").exit_code == 2
