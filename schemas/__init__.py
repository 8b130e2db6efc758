"""The kernel: messages, the job and its state machine, errors and ports. Pydantic and the standard library only."""

SCHEMA_VERSION = 1
