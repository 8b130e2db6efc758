"""A proxy of TCP before a facade. It forwards a POST, and may lose the answer."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self


class Proxy:
    """Listens on a port of its own; each connection has a thread."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        self.upstream = 0
        """The port of the facade; it may change."""
        self.lose = 0
        """How many of the next POSTs get no answer."""
        self.lost = 0
        self.before_answer: Callable[[], None] | None = None
        """Called once, after the next POST was forwarded; no answer of it is read."""

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def point_at(self, url: str) -> None:
        """Forward to this facade from now on."""
        self.upstream = int(url.rsplit(":", 1)[1].strip("/"))

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(("127.0.0.1", self.upstream)) as facade:
            answers = threading.Thread(target=self._copy_answers, args=(facade, client), daemon=True)
            while asked := client.recv(65536):
                is_post = asked.startswith(b"POST ")
                if is_post and self.before_answer:
                    kill, self.before_answer = self.before_answer, None
                    facade.sendall(asked)
                    self._send_rest(client, facade, asked)
                    kill()
                    self.lost += 1
                    return
                facade.sendall(asked)
                if is_post and self.lose:
                    self.lose -= 1
                    self._send_rest(client, facade, asked)
                    assert facade.recv(65536).startswith(b"HTTP/1.1 200")
                    self.lost += 1
                    return
                if not answers.is_alive():
                    answers.start()

    def _send_rest(self, client: socket.socket, facade: socket.socket, asked: bytes) -> None:
        """Forward the rest of the body."""
        head, _, body = asked.partition(b"\r\n\r\n")
        lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        if lengths:
            rest = int(lengths[0]) - len(body)
            while rest > 0 and (part := client.recv(65536)):
                facade.sendall(part)
                rest -= len(part)
            return
        while not body.endswith(b"0\r\n\r\n") and (part := client.recv(65536)):
            facade.sendall(part)
            body += part

    def _copy_answers(self, facade: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while part := facade.recv(65536):
                client.sendall(part)
            client.shutdown(socket.SHUT_RDWR)
