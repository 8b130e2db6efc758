"""The worker's real code in a world that a machine drives: every call of a port waits until it is let through."""
