"""A bench on a temporary folder, and one small film for all tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.worker.bench import Bench, bench_in
from tests.worker.clips import write_clip


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_clip(tmp_path_factory.mktemp("film") / "film.mp4").read_bytes()


@pytest.fixture
async def bench(tmp_path: Path, film: bytes) -> AsyncIterator[Bench]:
    async with bench_in(tmp_path, film) as bench:
        yield bench
