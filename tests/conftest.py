"""What every suite may ask for: Google's emulators, shared by the whole run."""

from tests.gcp.emulated import emulators, project, pytest_sessionfinish

__all__ = ["emulators", "project", "pytest_sessionfinish"]
