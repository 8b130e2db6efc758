"""The certificates of this machine, read once for all clients of a test run: each reading takes 20 ms of CPU."""

import ssl
from functools import cache
from typing import Any

_create = ssl.create_default_context


@cache
def _read(**files: str | None) -> ssl.SSLContext:
    return _create(**files)  # type: ignore[arg-type]


def share_default_context() -> None:
    """Give all clients that trust the same files the same context. A context with other options is made as ever."""

    def create(*purpose: ssl.Purpose, **options: Any) -> ssl.SSLContext:
        if purpose or not options.keys() <= {"cafile", "capath"}:
            return _create(*purpose, **options)
        return _read(**options)

    vars(ssl)["create_default_context"] = create
