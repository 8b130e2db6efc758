"""`reelbus open`: the video on a desktop, its path or address elsewhere."""

import json
import shutil
from pathlib import Path

import click
import pytest

from publisher.cli import open as open_command
from publisher.context import PublisherContext
from publisher.submit import publish_or_note
from tests.cli.commands import Shell, complaint
from tests.facade.hand import hand_at


@pytest.fixture
def finished(shell: Shell) -> Path:
    """The file of a finished job."""

    async def finish(desk: PublisherContext) -> str:
        async with hand_at(desk) as hand:
            job = await desk.jobs.get("one")
            assert job
            await publish_or_note(desk, job)
            return (await hand.finish(await hand.take())).final_name

    shell.queued("one")
    return shell.data_dir.absolute() / "videos" / shell.with_desk(finish)


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a player was opened with, on a desktop."""
    opened: list[str] = []
    monkeypatch.setattr(open_command, "has_desktop", lambda *_: True)
    monkeypatch.setattr(click, "launch", opened.append)
    return opened


def test_a_video_is_played(shell: Shell, finished: Path, launched: list[str]) -> None:
    result = shell("open", "one")
    assert (result.exit_code, result.stdout) == (0, f"{finished}\n")
    assert launched == [str(finished)]


def test_only_printed(shell: Shell, finished: Path, launched: list[str]) -> None:
    assert shell("open", "one", "--print").stdout == f"{finished}\n"
    body = json.loads(shell("open", "one", "--json").stdout)
    assert (body["video_id"], body["file"]) == ("one", str(finished))
    assert body["url"].endswith(finished.name)
    assert launched == []


def test_a_job_without_a_video(shell: Shell) -> None:
    shell.queued("one")
    result = shell("open", "one")
    assert (result.exit_code, complaint(result)) == (1, "Error: Job one has no video yet: queued")
    shell("cancel", "one")
    assert "cancelled" in complaint(shell("open", "one"))
    assert shell("open", "never-was").exit_code == 3


@pytest.mark.parametrize("url", ["file:///etc/passwd", "--help", "javascript:alert(1)", ""])
def test_an_address_that_is_none_of_the_web_is_not_opened(url: str, launched: list[str]) -> None:
    open_command.play(None, url)
    assert launched == []


def test_where_a_desktop_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/xdg-open")
    assert open_command.has_desktop("darwin", {})
    assert open_command.has_desktop("linux", {"DISPLAY": ":0"})
    assert open_command.has_desktop("linux", {"WAYLAND_DISPLAY": "wayland-0"})
    assert not open_command.has_desktop("linux", {})
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert not open_command.has_desktop("linux", {"DISPLAY": ":0"})
