"""A Redis that loses nothing: every write is on the disk before it is answered."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis as Client
from redis.exceptions import RedisError

from bench.until import until
from schemas.errors import Unavailable

_DURABLE = ["--appendonly", "yes", "--appendfsync", "always", "--no-appendfsync-on-rewrite", "no", "--save", ""]


@dataclass(frozen=True, slots=True)
class Redis:
    """A running server."""

    url: str
    pid: int


@contextmanager
def redis_server(folder: Path) -> Iterator[Redis]:
    """Run a server. Raises `Unavailable` if Redis is not installed."""
    program = shutil.which("redis-server")
    if program is None:
        raise Unavailable("there is no redis-server: apt-get install redis-server")
    folder.mkdir()
    port = _find_port()
    command = [program, "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), *_DURABLE]
    with (folder / "redis.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        until(lambda: _answers(port), "an answer of redis-server", within_s=20)
        yield Redis(f"redis://127.0.0.1:{port}/0", server.pid)
    finally:
        server.terminate()
        server.wait(20)


def _find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _answers(port: int) -> bool:
    try:
        with Client(port=port) as client:
            return bool(client.ping())
    except RedisError:
        return False
