"""Settings come from an environment that others fill, too."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from publisher.settings import PublisherSettings
from schemas.errors import Invalid
from schemas.settings import NAMES
from subscriber.evaluation.settings import EvaluatorSettings
from subscriber.settings import WorkerSettings

BOTH = pytest.mark.parametrize("side", [PublisherSettings, WorkerSettings])
SERVICE_LINKS = {
    "REELBUS_PORT": "tcp://10.3.2.1:8000",
    "REELBUS_SERVICE_HOST": "10.3.2.1",
    "REELBUS_SERVICE_PORT": "8000",
    "REELBUS_SERVICE_PORT_HTTP": "8000",
    "REELBUS_PORT_8000_TCP": "tcp://10.3.2.1:8000",
    "REELBUS_PORT_8000_TCP_PROTO": "tcp",
    "REELBUS_PORT_8000_TCP_PORT": "8000",
    "REELBUS_PORT_8000_TCP_ADDR": "10.3.2.1",
    "REELBUS_API_V2_PORT": "udp://10.3.2.1:53",
    "REELBUS_API_V2_SERVICE_HOST": "10.3.2.1",
    "REELBUS_WORKERS_SERVICE_PORT": "80",
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PORT", raising=False)


def test_every_setting_of_either_side_is_known_to_both() -> None:
    """A new field of one settings class belongs into `schemas.settings.NAMES`, or into `Addresses` for both sides."""
    fields = {
        name.upper() for side in (PublisherSettings, WorkerSettings, EvaluatorSettings) for name in side.model_fields
    }
    assert fields | {"URL"} == NAMES


@BOTH
def test_what_kubernetes_adds_for_a_service_is_not_ours(
    side: type[PublisherSettings | WorkerSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SERVICE_LINKS.items():
        monkeypatch.setenv(name, value)
    settings = side()
    assert (settings.port, settings.host) == (8000, "127.0.0.1")
    monkeypatch.setenv("PORT", "8080")
    assert side().port == 8080


@BOTH
@pytest.mark.parametrize(
    ("name", "meant"),
    [("REELBUS_BUDGET", "BUDGETS"), ("REELBUS_BUGDETS", "BUDGETS"), ("REELBUS_API_KEYES", "API_KEYS")],
)
def test_a_mistyped_setting_stops_the_start(
    side: type[PublisherSettings | WorkerSettings], name: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "[]")
    with pytest.raises(Invalid, match=rf"{name} is not a setting of this version; did you mean REELBUS_{meant}\?"):
        side()


@BOTH
def test_a_mistyped_setting_in_a_file_does_too(
    side: type[PublisherSettings | WorkerSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("SOMETHING_ELSE=1\nREELBUS_SPENDING_CAP=5\nreelbus_budgts=[]\n")
    with pytest.raises(Invalid, match=r"REELBUS_BUDGTS is .* REELBUS_SPENDING_CAP is not a setting of this version\."):
        side()


@BOTH
def test_an_empty_variable_is_not_set(
    side: type[PublisherSettings | WorkerSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("REELBUS_HOST=\nREELBUS_BUS=pubsub://project\n")
    for name in ("HOST", "LOG_LEVEL", "DATA_DIR", "BUS", "BUDGETS", "API_KEYS", "MODEL", "BUDGET"):
        monkeypatch.setenv(f"REELBUS_{name}", "" if name != "LOG_LEVEL" else " \r")
    monkeypatch.setenv("PORT", "")
    settings = side()
    assert (settings.host, settings.port, settings.log_level, str(settings.data_dir)) == (
        "127.0.0.1",
        8000,
        "INFO",
        ".reelbus",
    )
    assert settings.bus == "pubsub://project", "and the file may say it"


@BOTH
def test_blanks_and_line_ends_are_no_part_of_a_value(
    side: type[PublisherSettings | WorkerSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REELBUS_LOG_LEVEL", "debug\r")
    monkeypatch.setenv("REELBUS_PUBLIC_URL", " https://video.example.com ")
    settings = side()
    assert (settings.log_level, settings.facade_url) == ("debug", "https://video.example.com")


@BOTH
def test_a_file_may_begin_with_a_byte_order_mark(
    side: type[PublisherSettings | WorkerSettings], tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("REELBUS_MODEL=vertex://p/l\n", encoding="utf-8-sig")
    assert side().model == "vertex://p/l"


@BOTH
@pytest.mark.parametrize("name", ["REELBUS_PROVIDER", "REELBUS_MODEL"])
def test_the_provider_is_named_by_its_variable_or_by_the_former_one(
    side: type[PublisherSettings | WorkerSettings], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert side().provider_url == "animatic:"
    monkeypatch.setenv(name, "vertex://project")
    assert side().provider_url == "vertex://project"


@BOTH
def test_two_addresses_of_the_provider_stop_the_start(
    side: type[PublisherSettings | WorkerSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("REELBUS_PROVIDER=vertex://project\n")
    monkeypatch.setenv("REELBUS_MODEL", "vertex://project")
    assert side().provider_url == "vertex://project"
    monkeypatch.setenv("REELBUS_MODEL", "animatic:")
    with pytest.raises(ValidationError, match="REELBUS_MODEL is the former name of REELBUS_PROVIDER"):
        side()


@BOTH
@pytest.mark.parametrize("quote", ['"', "'"])
def test_quotation_marks_around_a_value_are_no_part_of_it(
    side: type[PublisherSettings | WorkerSettings], quote: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`docker --env-file` hands them on."""
    given = {"REELBUS_DATA_DIR": "/data", "REELBUS_BUDGETS": "[]", "REELBUS_LOG_LEVEL": " ", "PORT": "9000"}
    for name, value in given.items():
        monkeypatch.setenv(name, f"{quote}{value}{quote}")
    settings = side()
    assert (str(settings.data_dir), settings.log_level, settings.port) == ("/data", "INFO", 9000)


@BOTH
@pytest.mark.parametrize("line", ["REELBUS_BUDGETS='[]", 'reelbus_budgets="[]', "REELBUS_BUDGETS: []"])
def test_a_line_of_the_file_that_would_be_passed_over_stops_the_start(
    side: type[PublisherSettings | WorkerSettings], line: str, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(f"PORT=9000\n{line}\n")
    with pytest.raises(Invalid, match=r"line 2 of \.env must be NAME=value"):
        side()
    (tmp_path / ".env").write_text("what another program: understands\nPORT=9000\n")
    assert side().port == 9000


@BOTH
def test_a_file_in_another_encoding_is_no_traceback(
    side: type[PublisherSettings | WorkerSettings], tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("REELBUS_BUDGETS=[]\n", encoding="utf-16")
    with pytest.raises(Invalid, match=r"\.env must be a text in UTF-8"):
        side()


@BOTH
@pytest.mark.parametrize(
    "url", ["https://v.example:port", "https://v.example:99999", "https://v.example/a b", "https://me:secret@v.example"]
)
def test_a_public_address_that_nobody_can_open_is_refused(
    side: type[PublisherSettings | WorkerSettings], url: str
) -> None:
    with pytest.raises(ValidationError, match="public_url must be an address"):
        side(public_url=url)
    assert side(public_url="HTTPS://V.example:8443/videos/").facade_url == "HTTPS://V.example:8443/videos"


@pytest.mark.parametrize("name", ["GENERATION_S", "ACK_DEADLINE_S", "SUBMITS_PER_MINUTE"])
def test_a_number_without_an_end_is_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"REELBUS_{name}", "inf")
    with pytest.raises(ValidationError, match="finite number"):
        WorkerSettings()
