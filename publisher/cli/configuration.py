"""Read the settings, and apply the options of the command line to them."""

import os
import socket

from pydantic import ValidationError

from publisher.facade.hosts import check_exposure
from publisher.settings import PublisherSettings
from schemas.errors import Invalid, Unavailable
from schemas.wire.validation import invalid_setting


def configuration() -> PublisherSettings:
    """Return the settings. Raises `Invalid` for a variable that can't be used."""
    try:
        return PublisherSettings()
    except ValidationError as error:
        raise invalid_setting(error) from error


def bind_port(host: str | None, port: int | None) -> tuple[PublisherSettings, socket.socket | None]:
    """Return the settings for a facade whose port is free now; port 0 takes any free one.

    The socket of port 0 is returned open: another program could take the port between a look and the start.

    Raises `Unavailable` if the port is taken, and `Invalid` for a host without a name or one that is open to all.
    """
    settings = host_settings(host)
    wanted = (settings.host, settings.port if port is None else port)
    try:
        listener = socket.create_server(wanted, family=socket.AF_INET6 if ":" in wanted[0] else socket.AF_INET)
    except (OSError, UnicodeError) as error:  # a name that is too long is no OSError
        # `strerror` repeats the address, and a name that can't be resolved has a number of another kind.
        number = error.errno if isinstance(error, OSError) else None
        reason = os.strerror(number) if number and number > 0 else error
        raise Unavailable(f"port {wanted[1]} of host {wanted[0]} can't be opened: {reason}") from error
    settings = settings.model_copy(update={"port": listener.getsockname()[1]})
    if wanted[1] == 0:
        return settings, listener
    listener.close()
    return settings, None


def host_settings(host: str | None) -> PublisherSettings:
    """Return the settings with this host. Raises `Invalid` for a host without a name or one that is open to all."""
    settings = configuration()
    if host is not None:
        if not host.strip():
            raise Invalid("host must not be empty: name an address to listen on, such as 127.0.0.1", field="host")
        settings = settings.model_copy(update={"host": host})
    check_exposure(settings)
    return settings


def address(settings: PublisherSettings) -> str:
    """Return the address at which a caller on this machine reaches the facade."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
