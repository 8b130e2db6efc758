"""The kernel: messages, the job and its state machine, errors and ports. Pydantic and the standard library only."""

from schemas.former import install

SCHEMA_VERSION = 1

install()
