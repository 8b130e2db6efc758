"""Use cases that publisher and subscriber share. They do all their I/O through ports."""
