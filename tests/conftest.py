"""What every suite may ask for: Google's emulators, shared by the whole run."""

import signal

from tests.gcp.emulated import emulators, project, pytest_sessionfinish

__all__ = ["emulators", "project", "pytest_sessionfinish"]

# A run that a shell put into the background ignores Ctrl-C, and all that it starts would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
