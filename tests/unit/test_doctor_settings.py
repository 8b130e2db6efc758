"""`reelbus doctor` on what the settings mean for jobs: budgets, webhooks, codecs."""

from decimal import Decimal

import pytest

from infra.media.doctor import examine_media
from publisher.doctor import examine_budgets, examine_webhooks
from schemas.domain.budget import Limit
from schemas.domain.clip import Plan, PlannedClip
from schemas.errors import Invalid
from schemas.ports.findings import Verdict
from schemas.wire.request import Quality, VideoRequest


def _plan(request: VideoRequest) -> Plan:
    """Plan as a model that always makes sound: $0.40 for `fast`, $2 for `quality`."""
    if not request.generate_audio:
        raise Invalid("generate_audio can't be false", field="generate_audio")
    price = Decimal("0.40") if request.quality is Quality.FAST else Decimal(2)
    clip = PlannedClip(model="m", seconds=4, billed_seconds=4, price_usd=price, expected_s=60)
    return Plan(clips=(clip,))


@pytest.mark.parametrize(
    ("limit_usd", "verdict"), [("0.39", Verdict.WRONG), ("0.40", Verdict.OK), ("0", Verdict.NOTE), ("100", Verdict.OK)]
)
def test_a_budget_that_no_video_fits_into_is_found(limit_usd: str, verdict: Verdict) -> None:
    limit = Limit.model_validate({"scope": "project:ads", "period": "day", "limit_usd": limit_usd})
    (finding,) = examine_budgets([limit], _plan)
    assert (finding.kind, finding.name, finding.verdict) == ("budget", "project:ads per day", verdict)
    if verdict is Verdict.WRONG:
        assert finding.words == "is $0.39, and the cheapest video costs $0.40: none is made"
        raised = limit.model_copy(update={"limit_usd": Decimal(finding.remedy.rpartition(" ")[2])})
        (finding,) = examine_budgets([raised], _plan)
        assert finding.verdict is Verdict.OK, "the remedy works"


def test_without_budgets_no_price_is_looked_for() -> None:
    def fail(_: VideoRequest) -> Plan:
        raise AssertionError("planned")

    assert list(examine_budgets([], fail)) == []


@pytest.mark.parametrize(
    ("jobs_url", "secrets", "count"),
    [("firestore://p/d", "", 1), ("firestore://p/d", "whsec_x", 0), ("sqlite:///reelbus.db", "", 0)],
)
def test_webhooks_without_secrets_are_noted(jobs_url: str, secrets: str, count: int) -> None:
    found = list(examine_webhooks(jobs_url, secrets))
    assert [finding.verdict for finding in found] == [Verdict.NOTE] * count


def test_missing_codecs_are_found() -> None:
    (finding,) = examine_media()
    assert finding.verdict is Verdict.OK, finding.words
    (finding,) = examine_media(writes=("libx264", "nothing"), reads=("h264", "other"))
    assert finding.verdict is Verdict.WRONG
    assert finding.words.endswith("has no nothing (encoder), other (decoder)")
