"""What is refused is refused before anything happens, in the words of the HTTP door."""

import os
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.commands import PROMPT, Shell, complaint

REFUSED = [
    (["--duration", "31"], "duration_seconds must be at most 30"),
    (["--duration", "0"], "duration_seconds must be at least 1"),
    (["--duration", "5.5"], "duration_seconds must be a whole number"),
    (["--duration", "long"], "duration_seconds must be a whole number"),
    (["--quality", "ultra"], "quality must be 'fast' or 'quality'"),
    (["--aspect-ratio", "4:3"], "aspect_ratio must be '16:9' or '9:16'"),
    (["--priority", "urgent"], "priority must be 'interactive' or 'batch'"),
    (["--seed", "-1"], "seed must be at least 0"),
    (["--max-cost", "-1"], "max_cost_usd must be at least 0"),
    (["--label", "colour"], "labels must be given as key=value, not 'colour'"),
    (["--start-before", "2026-11-23T12:00:00"], "start_before must name a time zone"),
    (["--image", "nowhere.png"], "reference_image can't be read"),
    (["--output", "no/such/folder/a.mp4"], "there is no folder no/such/folder"),
]


@pytest.mark.parametrize(("options", "words"), REFUSED)
def test_generate_names_field_and_limit(shell: Shell, options: list[str], words: str) -> None:
    result = shell("generate", PROMPT, *options)
    assert result.exit_code == 2
    assert complaint(result).startswith("Error: Invalid request: ")
    assert words in result.stderr
    assert not shell.data_dir.exists()


def test_prompt_is_too_short(shell: Shell) -> None:
    result = shell("generate", "too short")
    assert result.exit_code == 2
    assert complaint(result) == "Error: Invalid request: prompt must have at least 10 characters, not 9"


def test_neither_prompt_nor_scene(shell: Shell) -> None:
    assert complaint(shell("generate")) == "Error: Invalid request: prompt is required, or a scene to build it from"


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        ("{", "scene must be JSON"),
        ("[]", "scene must be a JSON object"),
        ('{"colour": "red"}', "scene.colour is not a known key"),
        ('{"title": "An opening scene", "timeEnd": "soon"}', "scene.timeEnd must be a time such as 8s"),
    ],
)
def test_scene_from_stdin(shell: Shell, scene: str, words: str) -> None:
    result = shell("generate", "--scene", "-", stdin=scene)
    assert result.exit_code == 2
    assert words in complaint(result)


def test_image_that_is_too_large(shell: Shell, tmp_path: Path) -> None:
    image = tmp_path / "large.png"
    with image.open("wb") as file:
        file.truncate(20_000_001)
    result = shell("generate", PROMPT, "--image", str(image))
    assert (
        complaint(result)
        == "Error: Invalid request: reference_image must have at most 20,000,000 bytes, not 20,000,001"
    )


@pytest.mark.parametrize("command", [["generate", PROMPT], ["status", "x"], ["list"], ["cancel", "x"]])
def test_url_must_be_an_address(shell: Shell, command: list[str]) -> None:
    result = shell(*command, "--url", "localhost:8000")
    assert result.exit_code == 2
    assert "must be an http:// or https:// address" in result.stderr


def test_settings_that_can_t_be_used(shell: Shell) -> None:
    result = shell("list", PORT="many")
    assert result.exit_code == 2
    assert complaint(result) == "Error: Invalid request: PORT must be a whole number"


def test_list_s_own_limits(shell: Shell) -> None:
    surrogate = "WyJjIiwxLCJcdWQ4MDAiXQ"  # ["c",1,"\\ud800"]
    for options in (["--state", "painted"], ["--limit", "0"], ["--cursor", "nonsense"], ["--cursor", surrogate]):
        result = shell("list", *options)
        assert result.exit_code == 2, options
        assert complaint(result).startswith("Error: Invalid request: ")


@pytest.mark.parametrize("option", ["--image", "--scene"])
def test_a_file_without_an_end(shell: Shell, option: str) -> None:
    """Its size is said to be 0."""
    result = shell("generate", PROMPT, option, "/dev/zero")
    assert result.exit_code == 2
    assert "must have at most 20,000,000 bytes" in complaint(result)


def test_a_scene_from_a_pipe_that_is_being_written(shell: Shell) -> None:
    """As a shell makes it of `--scene <(command)`. The text is longer than what a pipe holds."""
    read_fd, write_fd = os.pipe()

    def write() -> None:
        with os.fdopen(write_fd, "wb") as writer:
            writer.write(b" " * 200_000 + b'{"colour": "red"}')

    writing = threading.Thread(target=write)
    with closing(os.fdopen(read_fd, "rb")):
        writing.start()
        result = shell("generate", "--scene", f"/dev/fd/{read_fd}")
        writing.join()
    assert "scene.colour is not a known key" in complaint(result)
