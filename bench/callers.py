"""Thousands of callers who wait: `python -m bench.callers URL COUNT NAME`.

Says `asked` once each has sent its request, `answered` once each has its answer. Each is a bare socket, and its trace
id is the number of its job.
"""

import asyncio
import json
import sys
from urllib.parse import urlsplit

AT_ONCE = 100
_HEAD = (
    "POST /api/videos/generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    "traceparent: 00-{trace}-00000000000000ff-01\r\nContent-Length: {length}\r\n\r\n"
)


async def call(url: str, count: int, name: str) -> None:
    """All of them; `AT_ONCE` connect at a time."""
    turn = asyncio.Semaphore(AT_ONCE)
    host, port = urlsplit(url).hostname, urlsplit(url).port

    async def ask(number: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with turn:
            reader, writer = await asyncio.open_connection(host, port, limit=8192)
            body = json.dumps({"job_id": f"{name}-{number}", "prompt": f"A harbour at dawn, take {number}"})
            writer.write((_HEAD.format(trace=trace_id(number), length=len(body)) + body).encode())
            await writer.drain()
            return reader, writer

    places = await asyncio.gather(*map(ask, range(count)))
    _say("asked")
    answers = await asyncio.gather(*(reader.readline() for reader, _ in places))
    _say(f"answered {sum(answer.startswith(b'HTTP/1.1 200') for answer in answers)}")
    for _, writer in places:
        writer.close()


def trace_id(number: int) -> str:
    """Of the call about that job."""
    return f"{number + 1:032x}"


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(call(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
