"""`GET /videos/{gcs_path}`: the finished files, if the video store is a folder. Others have their own address.

A `Range` header (RFC 9110, section 14) is read in time proportional to its length, whatever a caller sends.
"""

import asyncio
import stat
from pathlib import Path
from urllib.parse import unquote, urlsplit

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse

from publisher.facade.call import Call
from schemas.domain.object_names import FINALS, POSTERS, is_safe
from schemas.errors import NotFound, ReelbusError
from schemas.wire.media_types import type_of_name

RANGES_AT_MOST = 50
"""A header with more ranges is ignored: each part costs a seek, and a header of kilobytes can name thousands."""
_DIGITS_AT_MOST = 18


class NotSatisfiable(ReelbusError):
    """The file has no range that the header asks for."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"The file has {size_bytes:,} bytes; it has none of the requested ranges")
        self.size_bytes = size_bytes


def satisfiable_ranges(given: str, size_bytes: int) -> list[tuple[int, int]] | None:
    """Return the first and last byte of each range that the file has; None for a header that must be ignored.

    Raises `NotSatisfiable` if the header is valid and the file has none of its ranges.
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
    """Return the first and last byte of a range; None if `spec` is no range.

    If the file has no byte of the range, the last one comes before the first one.
    """
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
    """Return the number; a number of more than 18 digits counts as 10 to the power of 18."""
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= _DIGITS_AT_MOST else 10**_DIGITS_AT_MOST


_CACHE = {"Cache-Control": "private, max-age=3600"}


async def file(call: Call) -> Response:
    """Answer with the file, with the requested ranges of it, or with 304 if the caller has this version of it."""
    name = call.path_params["gcs_path"]
    if url_signer := call.state["url_signer"]:
        url_signer.check(name, call.query_params)
    # Only finished files are public: work files and reference images are private.
    if not is_local(call) or not name.startswith((FINALS, POSTERS)) or not is_safe(name):
        raise NotFound(f"there is no video {name}")
    return await send_file(call, name)


def is_local(call: Call) -> bool:
    """Return whether the video store is a folder, so that this facade sends the files."""
    return urlsplit(call.state["settings"].videos_url).scheme == "file"


async def send_file(call: Call, name: str) -> Response:
    """Answer with a file of the folder, to a caller that may read it. Raises `NotFound`."""
    path = Path(unquote(urlsplit(call.state["settings"].videos_url).path)) / name
    try:
        found = await asyncio.to_thread(path.stat)
    except OSError:
        raise NotFound(f"there is no video {name}") from None
    if not stat.S_ISREG(found.st_mode):
        raise NotFound(f"there is no video {name}")
    response = FileResponse(path, stat_result=found, media_type=type_of_name(path.name), headers=_CACHE)
    if is_not_modified(call.headers, response.headers):
        return NotModifiedResponse(response.headers)
    _rewrite_range(call, response, found.st_size)
    return response


def is_not_modified(asked: Headers, current: Headers) -> bool:
    """Return whether the caller has the current version (RFC 9110, 13.1.2 and 13.1.3).

    `If-Modified-Since` counts only without `If-None-Match`, and only if it repeats our `Last-Modified`: a video never
    changes, so another date is of another file.
    """
    if "if-none-match" in asked:
        tags = {tag.strip().removeprefix("W/") for tag in ",".join(asked.getlist("if-none-match")).split(",")}
        return "*" in tags or current["etag"] in tags
    return asked.getlist("if-modified-since") == [current["last-modified"]]


def _rewrite_range(call: Call, response: FileResponse, size_bytes: int) -> None:
    """Replace the `Range` header by the ranges that the file has, in their plainest form: Starlette reads them.

    Remove a header that the standard tells servers to ignore. `Range` is defined for GET alone, and counts only for the
    version that `If-Range` names. Raises `NotSatisfiable`.
    """
    given, versions = call.headers.getlist("range"), call.headers.getlist("if-range")
    call.scope["headers"] = [(key, value) for key, value in call.scope["headers"] if key not in (b"range", b"if-range")]
    is_current = not versions or versions in ([response.headers["etag"]], [response.headers["last-modified"]])
    if call.method != "GET" or len(given) != 1 or not is_current:
        return
    if ranges := satisfiable_ranges(given[0], size_bytes):
        written = ",".join(f"{first}-{last}" for first, last in ranges)
        call.scope["headers"].append((b"range", f"bytes={written}".encode()))
