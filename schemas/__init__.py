"""What both sides share: messages, the job and its state machine, errors and ports. It imports no adapter."""

from schemas.former import install

SCHEMA_VERSION = 1

install()
