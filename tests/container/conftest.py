"""The image that `make image` built, mounted once for all tests."""

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.container.box import Box, open_box


@pytest.fixture(scope="session")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    if os.geteuid() != 0 or not shutil.which("buildah"):
        pytest.fail("needs root and buildah: make image")
    with open_box(tmp_path_factory.mktemp("data")) as box:
        yield box
