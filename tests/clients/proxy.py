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
        self.only = b""
        """Only POSTs with these bytes lose their answer."""
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
                if asked.startswith(b"POST ") and (self.lose or self.before_answer):
                    asked += self._read_rest(client, asked)
                    if self.only in asked:
                        self._lose_answer(facade, asked)
                        return
                facade.sendall(asked)
                if not answers.is_alive():
                    answers.start()

    def _lose_answer(self, facade: socket.socket, asked: bytes) -> None:
        if self.before_answer:
            facade.sendall(asked)
            kill, self.before_answer = self.before_answer, None
            kill()
        else:
            self.lose -= 1
            # Another thread may copy the answers to the client's earlier calls from the first connection.
            with socket.create_connection(("127.0.0.1", self.upstream)) as own:
                own.sendall(asked)
                assert own.recv(65536).startswith(b"HTTP/1.1 200")
        self.lost += 1

    def _read_rest(self, client: socket.socket, asked: bytes) -> bytes:
        """The rest of the body."""
        head, _, body = asked.partition(b"\r\n\r\n")
        begun = len(body)
        lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        if lengths:
            while len(body) < int(lengths[0]) and (part := client.recv(65536)):
                body += part
        else:
            while not body.endswith(b"0\r\n\r\n") and (part := client.recv(65536)):
                body += part
        return body[begun:]

    def _copy_answers(self, facade: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while part := facade.recv(65536):
                client.sendall(part)
            client.shutdown(socket.SHUT_RDWR)
