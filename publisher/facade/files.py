"""`GET /videos/{gcs_path}`: the finished files, where the video store is a folder. Others have their own address."""

import asyncio
import os
import re
import stat
from pathlib import Path
from urllib.parse import unquote, urlsplit

from starlette.responses import FileResponse, Response

from publisher.facade.state import Call
from schemas.errors import NotFound
from schemas.names import FINALS, POSTERS, is_safe

_RANGES = re.compile(r"\s*bytes\s*=\s*(.+?)\s*", re.IGNORECASE)
_RANGE = re.compile(r"\s*(?:([0-9]{1,18})-([0-9]{0,18})|-[0-9]{1,18})\s*")
_TYPES = {".mp4": "video/mp4", ".jpg": "image/jpeg"}
_CACHE = {"Cache-Control": "private, max-age=3600"}


async def file(call: Call) -> Response:
    """The file, or the asked range of it."""
    name = call.path_params["gcs_path"]
    if links := call.state["links"]:
        links.check(name, call.query_params)
    path = _path(call.state["settings"].videos_url, name)
    found = await asyncio.to_thread(_stat, path) if path else None
    if path is None or found is None:
        raise NotFound(f"there is no video {name}")
    _drop_broken_range(call)
    media_type = _TYPES.get(path.suffix, "application/octet-stream")
    return FileResponse(path, stat_result=found, media_type=media_type, headers=_CACHE)


def _path(videos_url: str, name: str) -> Path | None:
    """Where the file lies. Only what is finished is shown: work files and references are private."""
    url = urlsplit(videos_url)
    if url.scheme != "file" or not name.startswith((FINALS, POSTERS)) or not is_safe(name):
        return None
    return Path(unquote(url.path)) / name


def _stat(path: Path) -> os.stat_result | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _drop_broken_range(call: Call) -> None:
    """A Range that is none is passed over (RFC 9110, 14.2), not refused."""
    if not _is_range(call.headers.get("range", "")):
        call.scope["headers"] = [(key, value) for key, value in call.scope["headers"] if key != b"range"]


def _is_range(asked: str) -> bool:
    ranges = _RANGES.fullmatch(asked)
    parts = [_RANGE.fullmatch(part) for part in ranges[1].split(",")] if ranges else [None]
    return all(part and not (part[2] and int(part[2]) < int(part[1])) for part in parts)
