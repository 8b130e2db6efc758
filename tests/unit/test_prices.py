"""Prices: a dated table of ours, an operator's file in its place, and what an answer counts."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from infra.gcp.settings import VertexSettings
from infra.gcp.vertex.adapter import open_planner
from infra.gcp.vertex.models import MODELS
from infra.gcp.vertex.prices import read_prices
from schemas.domain import events as ev
from schemas.domain.state_machine import advance
from schemas.errors import Charged, Invalid
from subscriber.context import Prices
from tests.unit.makers import PRICE, a_job, a_plan, a_request, accepted, after, late, lost, started

OMNI = "gemini-omni-1.2-flash"
ROW = """
["gemini-omni-1.2-flash"]
read = 2027-01-02
source = "our contract"
usd_per_million_video_tokens = 10.00
["gemini-omni-1.2-flash".usd_per_second]
720p = { audio = 0.06 }
"""


def test_every_model_has_a_dated_row() -> None:
    table = read_prices()
    assert table.keys() == MODELS.keys()
    assert all(row.read >= date(2026, 10, 8) and row.source for row in table.values())


def test_omni_costs_seven_cents_a_second() -> None:
    row = read_prices()[OMNI]
    assert {name: rate.audio for name, rate in row.usd_per_second.items()} == {
        "720p": Decimal("0.07"),
        "1080p": Decimal("0.105"),
        "4k": Decimal("0.21"),
    }
    assert row.usd_per_million_video_tokens == 12
    assert row.usd_of(57_920) == Decimal("0.695040")
    assert (row.usd_of(0), row.usd_of(-1), read_prices()["veo-3.1-generate-001"].usd_of(9)) == (None, None, None)


def _file(folder: Path, text: str, name: str = "prices.toml") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def test_an_operator_s_file_replaces_a_row_and_leaves_the_others(tmp_path: Path) -> None:
    planner = open_planner(VertexSettings(prices=_file(tmp_path, ROW)))
    assert planner.plan(a_request(duration_seconds=10)).price_usd == Decimal("0.60")
    veo = planner.plan(a_request(duration_seconds=8, model="veo-3.1-generate-001"))
    assert veo.price_usd == Decimal("3.20")
    assert open_planner(VertexSettings()).plan(a_request(duration_seconds=10)).price_usd == Decimal("0.70")


def test_the_file_may_be_json(tmp_path: Path) -> None:
    row = {"read": "2027-01-02", "source": "x", "usd_per_second": {"720p": {"audio": 0.05}}}
    prices = read_prices(_file(tmp_path, json.dumps({OMNI: row}), "prices.json"))
    assert prices[OMNI].usd_per_second["720p"].audio == Decimal("0.05")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (ROW.replace("0.06", "0"), "720p.audio: Input should be greater than 0"),
        (ROW.replace("0.06", "-1"), "720p.audio: Input should be greater than 0"),
        (ROW.replace("0.06", "nan"), "720p.audio"),
        (ROW.replace("0.06", '"cheap"'), "720p.audio"),
        (ROW.replace("720p", "8k"), "resolution must be one of 720p, 1080p, 4k, not '8k'"),
        (ROW.replace("omni-1.2", "omni-9"), "'gemini-omni-9-flash' is no model of this version"),
        (ROW + '720 = "x"\n', "720"),
        (ROW.replace("read =", "extra = 1\nread ="), "extra: Extra inputs are not permitted"),
        (ROW.replace("read = 2027-01-02\n", ""), "read: Field required"),
        ("[", "is no TOML"),
        ("x" * 1_000_001, "more than 1,000,000 bytes"),
    ],
)
def test_a_file_that_is_wrong_stops_the_start(tmp_path: Path, text: str, words: str) -> None:
    path = _file(tmp_path, text)
    with pytest.raises(Invalid) as refused:
        open_planner(VertexSettings(prices=path))
    assert str(refused.value).startswith(f"REELBUS_PRICES: {path}: ")
    assert words in str(refused.value)
    assert refused.value.field == "REELBUS_PRICES"


def test_a_file_that_is_missing_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"REELBUS_PRICES: .*nothing: can't be read: No such file"):
        read_prices(str(tmp_path / "nothing"))


def _done(price: str | None) -> ev.ClipDone:
    return ev.ClipDone(at=after(3), clip=0, output="work/job-1/0/1/a.mp4", price_usd=Decimal(price) if price else None)


def test_the_ledger_holds_what_the_answer_counts() -> None:
    job = advance(advance(a_job(), started(a_plan(PRICE, PRICE))), accepted())
    assert advance(job, _done("0.395")).cost_usd == Decimal("0.395")
    assert advance(job, _done(None)).cost_usd == PRICE


@pytest.mark.parametrize("price", ["0", "-1"])
def test_a_paid_clip_never_becomes_free(price: str) -> None:
    """A free one may be sent any number of times."""
    job = advance(advance(advance(a_job(), started()), accepted()), _done(price))
    assert (job.cost_usd, job.is_free, job.charged) == (PRICE, False, Charged.YES)


def test_a_free_clip_never_becomes_paid() -> None:
    job = advance(advance(advance(a_job(), started(a_plan(Decimal(0)))), accepted()), _done("0.10"))
    assert (job.cost_usd, job.is_free) == (Decimal(0), True)


def test_a_line_that_was_charged_twice_keeps_its_price() -> None:
    job = advance(advance(a_job(), started()), lost())
    for event in (ev.Resubmit(at=after(3), clip=0), started(nonce="n2"), accepted("n2", "op-2"), late("op-1")):
        job = advance(job, event)
    assert advance(job, _done("0.10")).cost_usd == 2 * PRICE


def test_differences_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    job = advance(advance(a_job(), started()), accepted())
    prices = Prices()
    for said in ("0.397", "0.30", "0.50"):
        assert prices.settle(job, job.clips[0], Decimal(said)) == Decimal(said)
    assert prices.settle(job, job.clips[0], None) is None
    assert (prices.differences, prices.difference_usd) == (2, Decimal("0.00"))
    told = [vars(record) for record in caplog.records]
    assert [(each["action"], each["price_usd"], each["differences"]) for each in told] == [
        ("price_differs", "0.30", 1),
        ("price_differs", "0.50", 2),
    ]
