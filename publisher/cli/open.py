"""`reelbus open`: play the video of a job in the desktop's own player, or print its path or address."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import click

from publisher.cli.configuration import configuration
from publisher.cli.errors import Command, NoVideo
from publisher.cli.film_hint import hint_at_film
from publisher.cli.options import json_option, open_client, url_option
from publisher.cli.output import echo, format_ending
from publisher.compose import local_file
from schemas.domain.projections import JobView


@click.command("open", cls=Command)
@click.argument("job_id", metavar="ID")
@click.option("--print", "only_print", is_flag=True, help="Only print the path or the address.")
@json_option
@url_option
def open_video(job_id: str, only_print: bool, as_json: bool, url: str | None) -> None:
    """Play the video of a job, or print where it is.

    The path of the file is printed, or its address if it is not on this machine. On a desktop its player opens it.
    """
    view = asyncio.run(_status(job_id, url))
    if not view.video_url or not view.gcs_path:
        raise NoVideo(
            format_ending(view) if view.state.ended else f"Job {view.video_id} has no video yet: {view.state}"
        )
    file = local_file(configuration(), view.gcs_path) if url is None else None
    if as_json:
        echo(json.dumps({"video_id": view.video_id, "file": str(file) if file else None, "url": view.video_url}))
    else:
        echo(str(file or view.video_url))
    if not only_print and not as_json and has_desktop(sys.platform, os.environ):
        play(file, view.video_url)


async def _status(job_id: str, url: str | None) -> JobView:
    async with hint_at_film(job_id, url), open_client(url) as client:
        return await client.status(job_id)


def has_desktop(platform: str, environment: Mapping[str, str]) -> bool:
    """Return whether a player can be opened. Without a display, `xdg-open` would start a browser in the terminal."""
    if platform in ("darwin", "win32"):
        return True
    has_display = bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))
    return has_display and shutil.which("xdg-open") is not None


def play(file: Path | None, url: str) -> None:
    """Open the file, or else the address if it is one of the web. What another facade answers may be anything."""
    if file or urlsplit(url).scheme in ("http", "https"):
        click.launch(str(file or url))
