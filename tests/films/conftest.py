"""The films of the tests are looked at more often than those of users."""

from datetime import timedelta

import pytest


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schemas.domain.film.LOOK_EVERY", timedelta(seconds=0.05))
