"""Callers who ask for videos, one after the other each: `python -m bench.asker URL COUNT AT_ONCE NAME`.

Says one line of JSON: the seconds of each call, and of them all. Bare sockets: a client library would take more of the
two cores than what is measured.
"""

import asyncio
import json
import sys
import time
from urllib.parse import urlsplit

from bench.ready_model import SECONDS

_HEAD = (
    "POST /api/videos/generate HTTP/1.1\r\nHost: {host}\r\n"
    "Content-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
)
_PROMPT = (
    "A wooden workbench in early light; a hand sets down a steaming cup, then a small brass lamp, and the camera "
    "glides past both to a window, where a tram passes in the rain and its reflection fills the glass"
)


async def ask_all(url: str, count: int, at_once: int, name: str) -> tuple[list[float], float]:
    """Seconds of each call, and from the first request to the last answer. Raises `RuntimeError` for a refusal."""
    address = urlsplit(url)
    numbers = iter(range(count))
    took: list[float] = []

    async def caller() -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        for number in numbers:
            began = time.perf_counter()
            writer.write(_request(address.netloc, f"{name}-{number}"))
            await _answered(reader)
            took.append(time.perf_counter() - began)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(at_once)))
    return took, time.perf_counter() - began


def _request(host: str, job_id: str) -> bytes:
    body = json.dumps({"job_id": job_id, "prompt": _PROMPT, "duration_seconds": SECONDS})
    return (_HEAD.format(host=host, size=len(body)) + body).encode()


async def _answered(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    size = next(line for line in head.split("\r\n") if line.startswith("content-length:"))
    body = await reader.readexactly(int(size.partition(":")[2]))
    if " 200 " not in head.partition("\r\n")[0] or b'"video_url"' not in body:
        raise RuntimeError(f"no video: {head} {body!r}")


def main() -> None:
    """Asks, then tells."""
    url, count, at_once, name = sys.argv[1:]
    took, wall_s = asyncio.run(ask_all(url, int(count), int(at_once), name))
    sys.stdout.write(json.dumps({"took_s": took, "wall_s": wall_s}) + "\n")


if __name__ == "__main__":
    main()
