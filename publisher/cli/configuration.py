"""The settings, with what the command line says on top."""

import os
import socket
from contextlib import closing

from pydantic import ValidationError

from publisher.facade.hosts import check_exposure
from publisher.settings import PublisherSettings
from schemas.errors import Unavailable
from schemas.wire.validation import invalid_setting


def configuration() -> PublisherSettings:
    """Raises `Invalid` for a variable that can't be used."""
    try:
        return PublisherSettings()
    except ValidationError as error:
        raise invalid_setting(error) from error


def bind_settings(host: str | None, port: int | None) -> PublisherSettings:
    """Settings for a facade whose port is free right now; 0 takes any. Raises `Unavailable` where it is taken."""
    settings = configuration()
    settings = settings.model_copy(update={"host": host or settings.host})
    check_exposure(settings)
    free = _free_port(settings.host, settings.port if port is None else port)
    return settings.model_copy(update={"port": free})


def address(settings: PublisherSettings) -> str:
    """Where a caller on this machine reaches the facade."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def _free_port(host: str, port: int) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with closing(socket.create_server((host, port), family=family)) as server:
            free: int = server.getsockname()[1]
            return free
    except OSError as error:
        raise Unavailable(f"port {port} of {host} can't be opened: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    """`strerror` repeats the address; a name that can't be resolved has a number of another kind."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
