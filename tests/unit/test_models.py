"""The registry is one table that agrees with itself; the line-ups point into it."""

from datetime import date
from decimal import Decimal

import pytest

from infra.gcp.vertex.models import FAST, MODELS, QUALITY, Family, ModelPreferences
from schemas.errors import Invalid
from schemas.wire.request import DURATION_MAX_S, VideoRequest

REQUEST = VideoRequest(job_id="j", prompt="a slow pan over a desk")


@pytest.mark.parametrize("id", MODELS)
def test_every_row_can_make_every_length(id: str) -> None:
    model = MODELS[id]
    assert model.id == id
    assert model.durations_s == tuple(sorted(model.durations_s))
    assert model.max_total_s >= DURATION_MAX_S
    assert model.extensions_s
    assert min(model.durations_s) > 0
    assert model.rates


@pytest.mark.parametrize("id", MODELS)
def test_silence_never_costs_more_and_pixels_never_less(id: str) -> None:
    rates = list(MODELS[id].rates.values())
    assert all(rate.silent is None or Decimal(0) < rate.silent <= rate.audio for rate in rates)
    assert [rate.audio for rate in rates] == sorted(rate.audio for rate in rates)


def test_omni_lives_in_global_alone() -> None:
    assert {model.region for model in MODELS.values() if model.family is Family.OMNI} == {"global"}


def test_the_defaults() -> None:
    lineup = ModelPreferences.parse()
    assert tuple(model.id for model in lineup.fast) == FAST
    assert tuple(model.id for model in lineup.quality) == QUALITY
    assert FAST[0] == "gemini-omni-1.2-flash"
    assert QUALITY[0] == "gemini-omni-1.2-flash"


def test_no_default_begins_with_a_model_that_may_be_switched_off_any_day() -> None:
    today = date(2026, 11, 29)  # the day on which this order was chosen
    for first in (FAST[0], QUALITY[0]):
        retires = MODELS[first].retires
        assert retires is None or retires > today


def test_settings_name_the_models_in_order() -> None:
    lineup = ModelPreferences.parse(
        fast=" veo-3.1-lite-generate-001 , gemini-omni-1.2-flash,", quality="veo-3.1-generate-001"
    )
    assert [model.id for model in lineup.candidates(REQUEST)] == ["veo-3.1-lite-generate-001", "gemini-omni-1.2-flash"]
    better = REQUEST.model_copy(update={"quality": "quality"})
    assert [model.id for model in lineup.candidates(better)] == ["veo-3.1-generate-001"]


def test_a_request_may_name_any_row() -> None:
    named = REQUEST.model_copy(update={"model": "veo-3.1-lite-generate-001"})
    assert [model.id for model in ModelPreferences.parse().candidates(named)] == ["veo-3.1-lite-generate-001"]


def test_a_setting_that_names_no_row_is_refused() -> None:
    with pytest.raises(Invalid, match=r"REELBUS_QUALITY_MODELS: model must be one of .*, not 'veo-2'") as refusal:
        ModelPreferences.parse(quality="veo-2")
    assert refusal.value.field == "REELBUS_QUALITY_MODELS"


def test_a_request_that_names_no_row_is_refused() -> None:
    with pytest.raises(Invalid, match=r"model must be one of veo-3\.1") as refusal:
        ModelPreferences.parse().candidates(REQUEST.model_copy(update={"model": "veo-2"}))
    assert refusal.value.field == "model"
