"""Settings come from the environment, once."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from publisher.settings import PublisherSettings


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PORT", raising=False)


def test_defaults() -> None:
    settings = PublisherSettings()
    assert (settings.port, settings.wait_s, settings.reattach_s) == (8000, 280, 1800)
    assert settings.bus_url == settings.jobs_url


def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "8123")
    monkeypatch.setenv("REELBUS_WAIT_S", "10")
    monkeypatch.setenv("REELBUS_BUS", "pubsub://project")
    settings = PublisherSettings()
    assert (settings.port, settings.wait_s, settings.bus_url) == (8123, 10, "pubsub://project")
    assert settings.facade_url == "http://localhost:8123"


def test_a_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("REELBUS_REATTACH_S=0\nSOMETHING_ELSE=1\n")
    assert PublisherSettings().reattach_s == 0


def test_nonsense_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELBUS_WAIT_S", "600")
    with pytest.raises(ValidationError):
        PublisherSettings()
