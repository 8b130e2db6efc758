"""Odd data folders and settings: one sentence that names the setting, never a traceback. A look makes no folder."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from publisher.cli import reelbus
from subscriber.__main__ import main as worker
from tests.cli.commands import PROMPT, Shell, complaint

LOOKS = (
    ["status", "x"],
    ["list"],
    ["cancel", "x"],
    ["spend"],
    ["replay", "x"],
    ["resolve", "x"],
    ["purge", "x"],
    ["purge", "--project", "p"],
    ["dead", "list"],
    ["dead", "show", "1"],
    ["dead", "drop", "1"],
)


def odd_folders(folder: Path) -> list[str]:
    file, link, loop, junk = folder / "file", folder / "link", folder / "loop", folder / "junk"
    file.write_text("no folder")
    link.symlink_to(folder / "nowhere" / "at" / "all")
    loop.symlink_to(loop)
    junk.mkdir()
    (junk / "reelbus.db").mkdir()
    unlikely = [folder / ("a" * 300), *(folder.joinpath(*["b" * 200] * n) for n in (2, 30))]
    paths = [file, file / "sub", link, link / "sub", loop, junk, "/dev/null/x", "/dev/null", *unlikely]
    return [*map(str, paths), "/tmp/\udcff"]


@pytest.mark.parametrize("arguments", [*LOOKS, ["generate", PROMPT]], ids=" ".join)
def test_a_command_says_what_is_wrong_with_the_folder(tmp_path: Path, arguments: list[str]) -> None:
    for folder in odd_folders(tmp_path):
        result = CliRunner().invoke(reelbus, arguments, env={"REELBUS_DATA_DIR": folder})
        _check(result, folder)
        assert result.stdout == ""
        assert result.stderr.splitlines()[-1].startswith("Error: ")


@pytest.mark.parametrize("arguments", [[], ["reconcile"]], ids=["worker", "reconcile"])
def test_a_worker_says_what_is_wrong_with_the_folder(tmp_path: Path, arguments: list[str]) -> None:
    for folder in odd_folders(tmp_path):
        result = CliRunner().invoke(worker, arguments, env={"REELBUS_DATA_DIR": folder})
        _check(result, folder)
        assert result.stderr.splitlines()[-1].startswith("reelbus worker: ")


def _check(result: Result, folder: str) -> None:
    assert isinstance(result.exception, SystemExit), (folder, result.exception)
    assert result.exit_code in (2, 4), (folder, result.output)
    assert "Traceback" not in result.stderr
    assert "REELBUS_DATA_DIR" in result.stderr or "database can" in result.stderr, result.stderr


@pytest.mark.parametrize("arguments", LOOKS, ids=" ".join)
def test_a_look_makes_no_folder(tmp_path: Path, arguments: list[str]) -> None:
    result = Shell(tmp_path / "data")(*arguments)
    assert result.exit_code in (0, 3), result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("REELBUS_WAIT_S", "abc", "REELBUS_WAIT_S must be a number"),
        ("REELBUS_WAIT_S", "-1", "REELBUS_WAIT_S must be at least 0, not -1"),
        ("PORT", "99999", "PORT must be at most 65535, not 99999"),
        ("REELBUS_LOG_LEVEL", "loud", "REELBUS_LOG_LEVEL must be debug, info, warning or error"),
    ],
)
def test_a_setting_is_named_as_it_is_set(shell: Shell, variable: str, value: str, words: str) -> None:
    result = shell("list", **{variable: value})
    assert (result.exit_code, complaint(result)) == (2, f"Error: Invalid request: {words}")


@pytest.mark.parametrize("arguments", [["-h"], ["reconcile", "-h"], ["--help"]], ids=" ".join)
def test_the_worker_has_a_help(arguments: list[str]) -> None:
    result = CliRunner().invoke(worker, arguments)
    assert (result.exit_code, result.stdout[:5]) == (0, "Usage")
    assert "-fd" not in result.stdout, "what `reelbus up` uses is no option for people"


@pytest.mark.parametrize(
    "output",
    ["/nowhere/at/all/x.mp4", "/proc/x.mp4", "/dev/null", "a" * 300 + ".mp4", "file/x.mp4", "link"],
)
def test_an_output_that_can_not_be_written_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    result = Shell(tmp_path / "data")("generate", PROMPT, "-o", output)
    assert (result.exit_code, complaint(result)[:31]) == (2, "Error: Invalid request: output "), result.output
    assert {path.name for path in tmp_path.iterdir()} == {"file", "link"}


@pytest.mark.parametrize("image", ["/nowhere.png", "/tmp", "/dev/null", "null\0byte.png", "x" * 5000, "\udcff"])
def test_an_image_that_is_none(tmp_path: Path, image: str) -> None:
    result = Shell(tmp_path / "data")("generate", PROMPT, "--image", image)
    assert result.exit_code == 2, result.output
    assert complaint(result).startswith("Error: Invalid request: reference_image ")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_made_is_its_owner_s_alone(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "new" / "data")
    shell.queued("one")
    assert oct(shell.data_dir.stat().st_mode & 0o777) == "0o700"
