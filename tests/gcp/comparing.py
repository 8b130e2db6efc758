"""A Cloud Storage server on the wire that compares checksums, as Google's does and no emulator.

It stands behind a proxy that damages what a test tells it to.
"""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import google_crc32c

BUCKET = "films"


def crc32c(data: bytes) -> str:
    return base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()


def flip(data: bytes) -> bytes:
    """One byte in the middle is another one."""
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 0x5A]) + data[at + 1 :]


@dataclass
class Bucket:
    """Its objects, and what goes wrong."""

    compares: bool = True
    """False: it stores whatever comes, as emulators do."""
    tells: bool = True
    """False: its answers name no checksum."""
    damages_up: int = 0
    """So many uploads are changed on their way, the next ones first."""
    damages_down: int = 0
    objects: dict[str, tuple[bytes, dict[str, Any]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    refused: int = 0
    """Uploads whose checksum did not fit."""
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def on_its_way_up(self, data: bytes) -> bytes:
        self.damages_up, damaged = max(0, self.damages_up - 1), self.damages_up > 0
        return flip(data) if damaged and data else data

    def on_its_way_down(self, data: bytes) -> bytes:
        self.damages_down, damaged = max(0, self.damages_down - 1), self.damages_down > 0
        return flip(data) if damaged and data else data

    def keep(self, given: dict[str, Any], data: bytes, query: dict[str, list[str]]) -> tuple[int, Any]:
        name = given.get("name") or query["name"][0]
        if query.get("ifGenerationMatch") == ["0"] and name in self.objects:
            return 412, {"error": {"code": 412, "message": "At least one of the pre-conditions did not hold."}}
        if self.compares and given.get("crc32c") not in (None, crc32c(data)):
            self.refused += 1
            said = f"Provided CRC32C {given['crc32c']} doesn't match calculated CRC32C {crc32c(data)}."
            return 400, {"error": {"code": 400, "message": said}}
        kept = {key: value for key, value in given.items() if key in ("contentType", "metadata")}
        self.objects[name] = (data, {**kept, "generation": str(next(self.numbers))})
        return 200, self.told(name)

    def told(self, name: str) -> dict[str, Any]:
        data, kept = self.objects[name]
        at = "2026-11-29T12:00:00.000Z"
        told = {"kind": "storage#object", "name": name, "bucket": BUCKET, "size": str(len(data)), "timeCreated": at}
        sums = {"crc32c": crc32c(data), "md5Hash": base64.b64encode(md5(data, usedforsecurity=False).digest()).decode()}
        return {**told, **kept, **(sums if self.tells else {})}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bucket: Bucket

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_POST(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        with self.bucket.lock:
            address = urlsplit(self.path)
            self.bucket.asked.append(f"{self.command} {address.path}")
            status, answer, headers = self._status(address.path, parse_qs(address.query), body)
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode() if answer is not None else b""
        self.send_response_only(status)
        for name, value in {"Date": formatdate(), "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _status(self, path: str, query: dict[str, list[str]], body: bytes) -> tuple[int, Any, dict[str, str]]:
        if path.startswith("/upload/"):
            return self._uploaded(path, query, body)
        name = unquote(re.sub(r"^/(?:download/)?storage/v1/b/[^/]+/o/?", "", path))
        if not name:
            prefix = query.get("prefix", [""])[0]
            return (
                200,
                {"items": [self.bucket.told(each) for each in self.bucket.objects if each.startswith(prefix)]},
                {},
            )
        if name not in self.bucket.objects:
            return 404, {"error": {"code": 404, "message": "No such object"}}, {}
        data, kept = self.bucket.objects[name]
        if self.command == "DELETE":
            if query.get("ifGenerationMatch", [kept["generation"]]) != [kept["generation"]]:
                return 412, {"error": {"code": 412, "message": "Another generation."}}, {}
            del self.bucket.objects[name]
            return 204, None, {}
        if query.get("alt") == ["media"]:
            sums = {"X-Goog-Hash": f"crc32c={crc32c(data)}"} if self.bucket.tells else {}
            return 200, self.bucket.on_its_way_down(data), {"X-Goog-Generation": kept["generation"], **sums}
        return 200, self.bucket.told(name), {}

    def _uploaded(self, path: str, query: dict[str, list[str]], body: bytes) -> tuple[int, Any, dict[str, str]]:
        if self.command == "PUT":
            session = self.bucket.sessions.pop(query["upload_id"][0])
            sums = dict(part.split("=", 1) for part in self.headers.get("x-goog-hash", "").split(",") if part)
            data = self.bucket.on_its_way_up(body)
            return (*self.bucket.keep({**session["given"], **sums}, data, session["query"]), {})
        if query.get("uploadType") == ["resumable"]:
            number = str(next(self.bucket.numbers))
            self.bucket.sessions[number] = {"given": json.loads(body), "query": query}
            host = self.headers["host"]
            return 200, {}, {"Location": f"http://{host}{path}?uploadType=resumable&upload_id={number}"}
        boundary = re.search(r'boundary="?([^";]+)', self.headers["content-type"])
        assert boundary
        _, head, media, _ = body.split(b"--" + boundary[1].encode(), 3)
        given = json.loads(head.split(b"\r\n\r\n", 1)[1])
        data = media.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n")
        return (*self.bucket.keep(given, self.bucket.on_its_way_up(data), query), {})


@contextmanager
def comparing_server() -> Iterator[tuple[Bucket, str]]:
    """The bucket, and the address for `STORAGE_EMULATOR_HOST`."""
    bucket = Bucket()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"bucket": bucket}))
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield bucket, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
