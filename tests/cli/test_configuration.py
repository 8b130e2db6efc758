"""The port on which a facade will listen."""

import socket
from contextlib import closing

import pytest

from publisher.cli.configuration import bind_port


def test_port_0_is_held_until_the_facade_listens() -> None:
    """Another program, or a client's own connection, could take a port that was only looked at."""
    settings, listener = bind_port("127.0.0.1", 0)
    assert listener
    with closing(listener):
        assert listener.getsockname() == ("127.0.0.1", settings.port)
        with pytest.raises(OSError, match="Address already in use"):
            socket.create_server(("127.0.0.1", settings.port))


def test_a_port_that_was_chosen_is_looked_at_and_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings, listener = bind_port("127.0.0.1", port)
    assert (settings.port, listener) == (port, None)
