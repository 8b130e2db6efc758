"""`GET /videos/{gcs_path}`: the finished files, where the video store is a folder. Others have their own address."""

import asyncio
import os
import stat
from pathlib import Path
from urllib.parse import unquote, urlsplit

from starlette.responses import FileResponse, Response

from publisher.facade.ranges import satisfiable_ranges
from publisher.facade.state import Call
from schemas.errors import NotFound
from schemas.media_types import type_of_name
from schemas.names import FINALS, POSTERS, is_safe

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
    response = FileResponse(path, stat_result=found, media_type=type_of_name(path.name), headers=_CACHE)
    _rewrite_range(call, response, found.st_size)
    return response


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


def _rewrite_range(call: Call, response: FileResponse, size_bytes: int) -> None:
    """Leave the `Range` that can be had, written plainly, to Starlette; drop one that the standard wants ignored.

    Raises `NotSatisfiable`. `Range` is defined for GET alone, and holds only for the version that `If-Range` names.
    """
    given, versions = call.headers.getlist("range"), call.headers.getlist("if-range")
    call.scope["headers"] = [(key, value) for key, value in call.scope["headers"] if key not in (b"range", b"if-range")]
    is_current = not versions or versions in ([response.headers["etag"]], [response.headers["last-modified"]])
    if call.method != "GET" or len(given) != 1 or not is_current:
        return
    if ranges := satisfiable_ranges(given[0], size_bytes):
        written = ",".join(f"{first}-{last}" for first, last in ranges)
        call.scope["headers"].append((b"range", f"bytes={written}".encode()))
