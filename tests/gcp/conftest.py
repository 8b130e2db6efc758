"""A project on Google's emulators for each test that asks for one."""

from tests.gcp.emulated import emulators, project

__all__ = ["emulators", "project"]
