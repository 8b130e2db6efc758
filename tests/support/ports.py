"""Ports for services that a test starts later, or never."""

from contextlib import closing
from random import SystemRandom
from socket import create_server


def free_port(host: str = "127.0.0.1") -> int:
    """Below the ports that the system gives to connections: no other program takes it until it is opened."""
    for port in SystemRandom().sample(range(20_000, 30_000), 100):
        try:
            with closing(create_server((host, port))):
                return port
        except OSError:
            continue
    raise OSError("there is no free port")
