"""Every option and argument of every command, with values that no careful caller sends.

The test walks the commands, so that it covers a new option without being changed. A command may accept a value: then
what stands beside the value ends the command before it starts a server or a worker.
"""

import math
import os
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import subscriber.__main__
import subscriber.evaluation.__main__
from publisher.cli import reelbus
from tests.cli.commands import PROMPT, Shell, complaint

EXIT_CODES = {0, 1, 2, 3, 4, 5, 130}
ERROR_AT_MOST = 1_200
HUGE = str(10**40)
NOT_FINITE = ("nan", "NaN", "inf", "-inf", "1e400")

FEW = ("", "x", "nan", "a\0b\n", "\ud800")
"""For flags, which take no value."""
TEXTS = (
    *("", " ", "a\0b", "a\nb", "\x1b[31mred", "x" * 10_000, "\udcff\udcfe", "\ud800", "-", "nan", "1e400", "-1"),
    *("../..", "folder", "missing", "/dev/zero", "fifo", "=x", "{", "http://[::1", "%s", "'; DROP TABLE jobs;", HUGE),
)
VALUES = (
    *(*TEXTS, *NOT_FINITE, "0", "-0.0", "1e-400", "1_0", "٣", f"-{HUGE}", "0x10", "4294967296", "\t \t", "é" * 300),
    *("/", "missing/a.mp4", "text.txt", "text.txt/a", "/dev/full", "/dev/null/a", "=", "x=", "null", "--"),
    *("http://", "http:///x", "http://127.0.0.1:99999", "http://127.0.0.1:x", "http://127.0.0.1:0"),
    *("http://a b", "http://127.0.0.1:CLOSED\0", "http://127.0.0.1:CLOSED\n", "file:///dev/zero", "//127.0.0.1"),
    *("javascript:1", "http://" + "x" * 10_000, "http://a..b", "http://\udcff", "gs://", "gs://x" * 999, "data:"),
    *("http://127.0.0.1:CLOSED/?a#b", "HTTP://a:b@127.0.0.1:CLOSED/", "data:image/png;base64,%%%"),
    *("0000-00-00", "9999-12-31", "0001-01-01T00:00:00+14:00", "2026-02-30", "99999999d", "0d"),
)

STOPPED_BY = {
    "generate": (("--url", "http://127.0.0.1:CLOSED"), "the facade does not answer"),
    "watch": (("--url", "http://127.0.0.1:CLOSED"), "the facade does not answer"),
    "serve": (("--port", "TAKEN"), "port TAKEN of host"),
    "up": (("--port", "TAKEN"), "port TAKEN of host"),
    "backup": ((), "there is no database at"),
    "batch": ((), "line 1 must be JSON"),
    "film": ((), "storyboard must be JSON"),
    "webhooks": ((), "url must lead to a public address"),
    "emulators": (("--", "no-such-program"), "command 'no-such-program' can't be run"),
}
"""By command that would start something: what stands beside a value that is accepted, and the error that ends it."""
PORT_STOPPED_BY = (("--host", "192.0.2.1"), "host 192.0.2.1 can be reached from the network")
NEEDED = {"prompt": PROMPT, "job_id": "job-1", "letter_id": "1", "name": "acme", "to": "copy", "file": "text.txt"}
NEEDED |= {"storyboard": "text.txt", "delivery_id": "1", "receiver": "https://127.0.0.1/", "endpoint": "crm"}
OTHER_NAMES = {
    "project_id": "project",
    "jobs_of": "caller",
    "films_of": "caller",
    "receiver": "url",
    "start_before": "moment",
    "as_json": "--json",
    "arguments": "argument",
}
PASSED_ON = ("worker", "reconcile", "evaluator")
"""Commands that are handed to the subscriber's own command line, which is walked too."""


@dataclass(frozen=True)
class Case:
    path: tuple[str, ...]
    context: click.Context
    parameter: click.Parameter

    @property
    def command(self) -> click.Command:
        return self.context.command

    def __str__(self) -> str:
        return " ".join((*self.path, self.parameter.opts[-1]))

    @property
    def names(self) -> list[str]:
        """What an error may call it."""
        name = str(self.parameter.name)
        hint = self.parameter.make_metavar(self.context).strip("[].")
        return [*self.parameter.opts, name, *filter(None, [hint, OTHER_NAMES.get(name)])]

    def stop(self) -> tuple[tuple[str, ...], str]:
        """What to put beside the value, and the error that it causes."""
        beside, words = STOPPED_BY.get(self.path[0] if self.path else "", ((), ""))
        if beside[:1] == (self.parameter.opts[-1],):
            return PORT_STOPPED_BY if self.parameter.name == "port" else ((), words)
        return beside, words

    @property
    def values(self) -> tuple[str, ...]:
        if isinstance(self.parameter, click.Option) and self.parameter.is_flag:
            return FEW
        is_text = isinstance(self.parameter.type, click.types.StringParamType) and not self.parameter.callback
        return TEXTS if is_text else VALUES

    def arguments(self, value: str) -> list[str]:
        needed = [
            NEEDED[str(each.name)]
            for each in self.command.params
            if isinstance(each, click.Argument) and each.name in NEEDED and each is not self.parameter
        ]
        beside, _ = self.stop()
        if isinstance(self.parameter, click.Argument):
            return [*self.path, *(part for part in beside[:2] if part != "--"), "--", *needed, value]
        name = self.parameter.opts[-1]
        is_flag = isinstance(self.parameter, click.Option) and self.parameter.is_flag
        given = [f"{name}={value}"] if is_flag else [name, value]
        return [*self.path, *given, *(needed if beside[:1] != ("--",) else ()), *beside]


def walk(command: click.Command, path: tuple[str, ...], parent: click.Context | None = None) -> Iterator[Case]:
    # With its settings and its parent's: click keeps the help option that it makes for the first context.
    context = click.Context(command, parent=parent, **command.context_settings)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner
            yield from walk(inner, (*path, name), context)
    for parameter in command.get_params(context):
        yield Case(path, context, parameter)


CASES = [case for case in walk(reelbus, ()) if case.path[:1] not in [(name,) for name in PASSED_ON]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a file, a folder and a named pipe, and the default data folder absent."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REELBUS_DATA_DIR", raising=False)
    Path("folder").mkdir()
    Path("text.txt").write_text("not JSON")
    os.mkfifo("fifo")
    return tmp_path


@pytest.fixture
def ports() -> Iterator[dict[str, str]]:
    """A port that no program listens on, and one that is taken."""
    with closing(socket.socket()) as closed, closing(socket.create_server(("127.0.0.1", 0))) as taken:
        closed.bind(("127.0.0.1", 0))
        yield {"CLOSED": str(closed.getsockname()[1]), "TAKEN": str(taken.getsockname()[1])}


def fill(text: str, ports: dict[str, str]) -> str:
    for name, port in ports.items():
        text = text.replace(name, port)
    return text


@pytest.mark.timeout(60)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_option_refuses_or_survives_every_value(case: Case, folder: Path, ports: dict[str, str]) -> None:
    before = sorted(os.listdir(folder))
    for template in case.values:
        value = fill(template, ports)
        result = CliRunner().invoke(reelbus, [fill(part, ports) for part in case.arguments(value)])
        problem = what_is_wrong(result, case, value, fill(case.stop()[1], ports))
        assert not problem, f"{case} {value[:60]!r}: {problem}\n{result.output[:500]}"
    assert sorted(os.listdir(folder)) == before


def what_is_wrong(result: Result, case: Case, value: str, stopped: str) -> str | None:
    if not isinstance(result.exception, SystemExit | None):
        return f"raised {result.exception!r}"[:300]
    if result.exit_code not in EXIT_CODES:
        return f"exit code {result.exit_code}"
    if len(result.stderr) > ERROR_AT_MOST or re.search(r"[\x00-\x09\x0b-\x1f\x7f]", result.stderr):
        return "the error is too long, or has control characters"
    error = (result.stderr.splitlines() or [""])[-1]
    if result.exit_code and not error.startswith("Error: "):
        return "no error line"
    is_stopped = bool(stopped) and stopped in error
    if result.exit_code == 2 and not is_stopped and not any(name in error for name in case.names):
        return f"the error names none of {case.names}"
    is_number = isinstance(case.parameter.type, click.types.FloatParamType | click.types.IntParamType)
    if is_number and value in NOT_FINITE and (result.exit_code != 2 or is_stopped):
        return "it accepts a number that is not finite"
    return None


def test_the_walk_finds_options_arguments_and_flags_of_all_commands() -> None:
    found = set(map(str, CASES))
    assert {"generate --timeout", "generate prompt", "dead show letter_id", "serve --parent-fd", "list --json"} <= found
    assert {case.path[0] for case in CASES if case.path} == set(reelbus.list_commands(click.Context(reelbus))) - set(
        PASSED_ON
    )


OWN_CASES = [
    pytest.param(main, case, id=f"{name} {case}")
    for name, main in (("worker", subscriber.__main__.main), ("evaluator", subscriber.evaluation.__main__.main))
    for case in walk(main, ())
]


@pytest.mark.parametrize(("main", "case"), OWN_CASES)
def test_the_subscriber_s_own_options(main: click.Command, case: Case, folder: Path) -> None:
    """A setting that can't be used ends worker and evaluator where they accept their options."""
    for value in case.values:
        result = CliRunner().invoke(main, case.arguments(value), env={"REELBUS_LOG_LEVEL": "nonsense"})
        assert isinstance(result.exception, SystemExit | None), (value[:60], result.exception)
        assert result.exit_code in {0, 2}, (value[:60], result.output)
        assert result.exit_code == 0 or any(name in result.stderr for name in [*case.names, "REELBUS_LOG_LEVEL"])
    assert not (folder / ".reelbus").exists()


def test_a_backup_to_odd_places(shell: Shell, folder: Path, ports: dict[str, str]) -> None:
    shell.queued("job-1")
    for template in VALUES:
        result = shell("backup", "--", fill(template, ports))
        assert isinstance(result.exception, SystemExit | None), (template[:60], result.exception)
        assert result.exit_code in {0, 2, 4}, (template[:60], result.output)
        assert result.exit_code == 0 or re.search("TO|exists already|the folder of the backup", result.stderr)
        assert len(result.stderr) < ERROR_AT_MOST


@pytest.mark.parametrize("command", PASSED_ON)
@pytest.mark.parametrize("value", ["a\0b", "\ud800", "x" * 4_000_000])
def test_what_no_program_can_be_given_is_refused(command: str, value: str) -> None:
    result = CliRunner().invoke(reelbus, [command, value])
    assert result.exit_code == 2
    assert "the arguments can't be handed to a program" in result.stderr


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"\0", b"\xff\xfe", b"\x80", b"{", b"null", b"[1]", b"1e400", b"nan", b'{"title": NaN}', b"[" * 100_000),
        *(b'{"a": ' * 2_000, b'{"timeEnd": ' + b"9" * 10_000 + b"}", b'{"title": "\\ud800 half a character"}'),
    ],
)
def test_scenes_on_standard_input(shell: Shell, text: bytes) -> None:
    result = shell("generate", "--scene", "-", stdin=text)
    assert result.exit_code == 2
    assert "scene" in complaint(result)
    assert len(result.stderr) < ERROR_AT_MOST


@pytest.mark.parametrize(("option", "command"), [("--timeout", ["generate", PROMPT]), ("--wait", ["status", "job-1"])])
@pytest.mark.parametrize("value", NOT_FINITE)
def test_a_wait_is_a_finite_number_of_seconds(shell: Shell, command: list[str], option: str, value: str) -> None:
    assert not math.isfinite(float(value))
    result = shell(*command, option, value)
    assert result.exit_code == 2
    assert option in result.stderr
    assert not shell.data_dir.exists()


def test_an_option_before_its_command_is_named_with_its_place(shell: Shell) -> None:
    result = shell("--url", "http://127.0.0.1:1", "list")
    assert result.exit_code == 2
    assert "No such option" in result.stderr
    assert "list --url" in result.stderr
