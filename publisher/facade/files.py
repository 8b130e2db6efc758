"""`GET /videos/{gcs_path}`: the finished files, where the video store is a folder. Others have their own address.

Reads a `Range` header (RFC 9110, section 14): in time in proportion to its length, whatever a caller sends.
"""

import asyncio
import os
import stat
from pathlib import Path
from urllib.parse import unquote, urlsplit

from starlette.responses import FileResponse, Response

from publisher.facade.call import Call
from schemas.domain.object_names import FINALS, POSTERS, is_safe
from schemas.errors import NotFound, ReelbusError
from schemas.wire.media_types import type_of_name

RANGES_AT_MOST = 50
"""Who asks for more gets the whole file: each part costs a seek, and a header of kilobytes can name thousands."""
_DIGITS_AT_MOST = 18


class NotSatisfiable(ReelbusError):
    """No range of the header lies inside of the file."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"The file has {size_bytes:,} bytes, and no asked range lies inside of it")
        self.size_bytes = size_bytes


def satisfiable_ranges(given: str, size_bytes: int) -> list[tuple[int, int]] | None:
    """First and last byte of each range that the file has; None for a header that the standard wants ignored.

    Raises `NotSatisfiable` if the header is valid and no range of it can be had.
    """
    unit, sign, listed = given.partition("=")
    specs = [spec for part in listed.split(",") if (spec := part.strip(" \t"))]
    if unit.strip(" \t").lower() != "bytes" or not sign or not 1 <= len(specs) <= RANGES_AT_MOST:
        return None
    ranges = []
    for spec in specs:
        bounds = _bounds(spec, size_bytes)
        if bounds is None:
            return None
        first, last = bounds
        if first <= last:
            ranges.append(bounds)
    if not ranges:
        raise NotSatisfiable(size_bytes)
    return ranges


def _bounds(spec: str, size_bytes: int) -> tuple[int, int] | None:
    """First and last byte, the last one before the first one if the file has none of them; None for no range."""
    first, dash, last = spec.partition("-")
    if not dash or not _are_digits(first or last) or not _are_digits(last or first):
        return None
    end = size_bytes - 1
    if not first:
        return max(size_bytes - _number(last), 0), end
    if last and _number(last) < _number(first):
        return None
    return _number(first), min(_number(last), end) if last else end


def _are_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _number(digits: str) -> int:
    """A number of thousands of digits is only a large one."""
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= _DIGITS_AT_MOST else 10**_DIGITS_AT_MOST


_CACHE = {"Cache-Control": "private, max-age=3600"}


async def file(call: Call) -> Response:
    """The file, or the asked range of it."""
    name = call.path_params["gcs_path"]
    if links := call.state["url_signer"]:
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
