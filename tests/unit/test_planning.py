"""Plans cover what was asked for at the lowest price there is, and refuse only what certainly can't be made."""

from datetime import date
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.gcp.vertex.models import MODELS, Model, ModelPreferences
from infra.gcp.vertex.planning import Planner, cheapest_cover, image_type, plan_with, retirement_warning
from schemas.errors import Charged, Invalid
from schemas.wire.request import DURATION_MAX_S, VideoRequest

VEO, FAST, LITE = "veo-3.1-generate-001", "veo-3.1-fast-generate-001", "veo-3.1-lite-generate-001"
OMNI, OLD_OMNI = "gemini-omni-1.2-flash", "gemini-omni-1.1-flash-preview"
PNG = "gs://bucket/frame.png"

models = st.sampled_from(list(MODELS.values()))
lengths = st.integers(1, DURATION_MAX_S)
offered = models.flatmap(lambda model: st.tuples(st.just(model), st.sampled_from(list(model.rates))))


def a_request(**fields: Any) -> VideoRequest:
    return VideoRequest.model_validate({"job_id": "j", "prompt": "a slow pan over a desk", **fields})


def makeable(model: Model, cover: tuple[int, ...]) -> bool:
    """By the words of the documentation, not by the code."""
    sums = [sum(cover[: end + 1]) for end in range(len(cover))]
    return (
        cover[0] in model.durations_s
        and all(step in model.extensions_s for step in cover[1:])
        and all(total <= model.max_input_s for total in sums[:-1])
        and sums[-1] <= model.max_total_s
    )


@given(models, lengths)
def test_a_plan_covers_and_can_be_made(model: Model, seconds: int) -> None:
    cover = cheapest_cover(model, seconds)
    assert cover
    assert sum(cover) >= seconds
    assert makeable(model, cover)


def brute_force(model: Model, seconds: int) -> tuple[int, int]:
    """The lowest sum, and the fewest calls for it, among all sequences of up to five clips."""
    found = [
        (base + sum(steps), 1 + count)
        for base in model.durations_s
        for count in range(5 if len(model.extensions_s) == 1 else 3)
        for steps in product(model.extensions_s, repeat=count)
        if base + sum(steps) >= seconds and makeable(model, (base, *steps))
    ]
    return min(found)


@pytest.mark.parametrize("id", [VEO, OMNI, OLD_OMNI])
def test_no_plan_is_cheaper(id: str) -> None:
    for seconds in range(1, DURATION_MAX_S + 1):
        cover = cheapest_cover(MODELS[id], seconds)
        assert cover
        assert (sum(cover), len(cover)) == brute_force(MODELS[id], seconds), seconds


@given(offered, lengths, st.booleans())
def test_a_longer_video_never_costs_less(row: tuple[Model, str], seconds: int, audio: bool) -> None:
    model, resolution = row
    sound = audio or model.rates[resolution].silent is None
    one, longer = (
        plan_with(model, a_request(duration_seconds=length, resolution=resolution, generate_audio=sound))
        for length in (seconds, min(seconds + 1, DURATION_MAX_S))
    )
    assert one.price_usd <= longer.price_usd
    assert one.price_usd == sum(clip.price_usd for clip in one.clips) > 0


@pytest.mark.parametrize(
    ("model", "seconds", "clips", "price"),
    [
        (VEO, 1, [4], "1.60"),
        (VEO, 8, [8], "3.20"),
        (VEO, 9, [4, 7], "4.40"),
        (VEO, 23, [4, 7, 7, 7], "10.00"),
        (VEO, 30, [4, 7, 7, 7, 7], "12.80"),
        (OMNI, 1, [3], "0.21"),
        (OMNI, 15, [15], "1.05"),
        (OMNI, 16, [13, 3], "1.12"),
        (OMNI, 30, [15, 10, 5], "2.10"),
    ],
)
def test_plans_worked_out_by_hand(model: str, seconds: int, clips: list[int], price: str) -> None:
    plan = plan_with(MODELS[model], a_request(duration_seconds=seconds))
    assert [clip.seconds for clip in plan.clips] == [clip.billed_seconds for clip in plan.clips] == clips
    assert [clip.extends for clip in plan.clips] == [False, *[True] * (len(clips) - 1)]
    assert plan.price_usd == Decimal(price)


@pytest.mark.parametrize(
    ("fields", "price"),
    [
        ({}, "1.60"),
        ({"generate_audio": False}, "0.80"),
        ({"resolution": "4k"}, "2.40"),
        ({"resolution": "4k", "generate_audio": False}, "1.60"),
    ],
)
def test_the_price_follows_sound_and_size(fields: dict[str, object], price: str) -> None:
    assert plan_with(MODELS[VEO], a_request(duration_seconds=4, **fields)).price_usd == Decimal(price)


@pytest.mark.parametrize(
    ("model", "fields", "field"),
    [
        (LITE, {"resolution": "4k"}, "resolution"),
        (OMNI, {"generate_audio": False}, "generate_audio"),
        (OLD_OMNI, {"seed": 1}, "seed"),
        (VEO, {"reference_image": "gs://bucket/frame.webp"}, "reference_image"),
        (VEO, {"reference_image": "data:image/webp;base64,AAAA"}, "reference_image"),
        (VEO, {"last_image": PNG}, "last_image"),
        (VEO, {"reference_image": PNG, "last_image": "gs://bucket/frame.webp"}, "last_image"),
        (VEO, {"reference_images": [PNG, "gs://bucket/frame.webp"]}, "reference_images.1"),
        (VEO, {"reference_images": [PNG], "reference_image": PNG}, "reference_images"),
        (VEO, {"reference_images": [PNG], "reference_image": PNG, "last_image": PNG}, "reference_images"),
        (VEO, {"reference_images": [PNG], "last_image": PNG}, "reference_images"),
        *((model, {"reference_images": [PNG]}, "reference_images") for model in (LITE, OMNI, OLD_OMNI)),
        *((model, {"reference_image": PNG, "last_image": PNG}, "last_image") for model in (LITE, OMNI, OLD_OMNI)),
    ],
)
def test_what_certainly_can_t_be_made(model: str, fields: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid, match=f"^{field} .* for {model}(, not .*)?$") as refusal:
        Planner(ModelPreferences.parse()).plan(a_request(model=model, **fields))
    assert refusal.value.field == field


@pytest.mark.parametrize("model", [VEO, FAST])
@pytest.mark.parametrize(
    ("fields", "seconds", "words"),
    [
        ({"reference_image": PNG, "last_image": PNG}, 5, "4 or 6 or 8 with last_image"),
        ({"reference_image": PNG, "last_image": PNG}, 15, "4 or 6 or 8 with last_image"),
        ({"reference_images": [PNG]}, 9, "at most 8 with reference_images"),
    ],
)
def test_a_length_that_images_rule_out(model: str, fields: dict[str, object], seconds: int, words: str) -> None:
    """A last frame must not be cut off, and an extension takes no images."""
    with pytest.raises(Invalid, match=f"^duration_seconds must be {words} for {model}, not {seconds}$") as refusal:
        Planner(ModelPreferences.parse()).plan(a_request(model=model, duration_seconds=seconds, **fields))
    assert refusal.value.field == "duration_seconds"


@pytest.mark.parametrize(
    ("fields", "seconds", "price"),
    [
        ({"reference_images": [PNG] * 3}, 8, "0.80"),
        ({"reference_images": [PNG]}, 1, "0.80"),
        ({"reference_image": PNG, "last_image": PNG}, 4, "0.40"),
        ({"reference_image": PNG, "last_image": PNG}, 6, "0.60"),
    ],
)
def test_images_that_only_the_next_in_line_takes(fields: dict[str, object], seconds: int, price: str) -> None:
    plan = Planner(ModelPreferences.parse()).plan(a_request(duration_seconds=seconds, **fields))
    assert [clip.model for clip in plan.clips] == [FAST]
    assert plan.price_usd == Decimal(price)


def test_the_reason_is_that_of_a_model_that_takes_the_images() -> None:
    with pytest.raises(Invalid, match=f"duration_seconds must be 4 or 6 or 8 with last_image for {FAST}, not 5"):
        Planner(ModelPreferences.parse()).plan(a_request(duration_seconds=5, reference_image=PNG, last_image=PNG))
    with pytest.raises(Invalid, match=f"reference_images can't be given for {OMNI}"):
        Planner(ModelPreferences.parse(fast=OMNI)).plan(a_request(reference_images=[PNG]))


def test_the_next_in_line_makes_what_the_first_can_t() -> None:
    plan = Planner(ModelPreferences.parse()).plan(a_request(generate_audio=False))
    assert plan.clips[0].model == FAST
    assert plan.price_usd == Decimal("0.48")


def test_where_nobody_can_the_first_says_why() -> None:
    planner = Planner(ModelPreferences.parse(fast=f"{LITE},{OMNI}"))
    with pytest.raises(Invalid, match=f"resolution must be 720p or 1080p for {LITE}"):
        planner.plan(a_request(resolution="4k", generate_audio=False))


@pytest.fixture
def planner() -> Planner:
    """On a clock that a test moves."""
    return Planner(ModelPreferences.parse(quality=f"{VEO},{OMNI}"), boot=lambda: CLOCK[0])


CLOCK = [1000.0]


@pytest.fixture(autouse=True)
def _clock() -> None:
    CLOCK[0] = 1000.0


def test_a_model_that_is_gone_is_passed_over_for_an_hour(planner: Planner) -> None:
    planner.ban(OMNI, "It is gone.")
    assert planner.plan(a_request()).clips[0].model == FAST
    CLOCK[0] += 3599
    assert planner.plan(a_request()).clips[0].model == FAST
    CLOCK[0] += 2
    plan = planner.plan(a_request())
    assert (plan.clips[0].model, plan.fallback) == (OMNI, None)


def test_a_fallback_says_what_was_asked_for_and_why_and_at_what_price(planner: Planner) -> None:
    planner.ban(VEO, "Google has switched this model off.")
    plan = planner.plan(a_request(quality="quality", duration_seconds=8))
    assert plan.clips[0].model == OMNI
    assert plan.fallback
    assert (plan.fallback.code, plan.fallback.field, plan.fallback.charged) == ("model_fallback", VEO, Charged.NO)
    assert f"instead of {VEO} for 3.20 USD" in plan.fallback.message
    assert plan.fallback.message.endswith("Google has switched this model off.")


def test_a_model_that_could_not_make_it_anyway_is_no_reason(planner: Planner) -> None:
    planner.ban(OMNI, "It is gone.")
    assert planner.plan(a_request(generate_audio=False)).fallback is None


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"quality": "quality", "generate_audio": False}, f"generate_audio can't be false for {OMNI}"),
        ({"quality": "fast", "max_cost_usd": "0.01"}, f"{FAST} costs"),
        ({"model": OMNI}, "the request names this model"),
    ],
)
def test_a_fallback_that_is_not_possible_says_why(planner: Planner, fields: dict[str, object], why: str) -> None:
    """The missing model is asked again: its refusal is the truth, and the caller is not to blame."""
    planner.ban(VEO if fields.get("quality") == "quality" else OMNI, "It is gone.")
    request = a_request(**fields)
    assert planner.plan(request).clips[0].model == (VEO if fields.get("quality") == "quality" else OMNI)
    assert why in (planner.why_no_other(request) or "")


def test_where_all_are_gone_the_first_is_asked_again(planner: Planner) -> None:
    for model in (OMNI, FAST):
        planner.ban(model, "It is gone.")
    assert planner.plan(a_request()).clips[0].model == OMNI
    assert planner.why_no_other(a_request()) == "no other model of the settings is available"
    assert planner.why_no_other(a_request(quality="quality")) is None


@pytest.mark.parametrize(
    ("today", "words"),
    [
        (date(2026, 10, 1), None),
        (date(2026, 11, 1), "off from 2026-11-17"),
        (date(2026, 11, 29), "off any day since 2026-11-17"),
    ],
)
def test_a_model_that_may_be_switched_off_is_warned_of(today: date, words: str | None) -> None:
    warning = retirement_warning(MODELS[VEO], today)
    assert warning is None if words is None else words in (warning or "")
    assert retirement_warning(MODELS[OMNI], today) is None


def test_a_regional_model_is_planned_only_where_it_is_offered() -> None:
    planner = Planner(ModelPreferences.parse(fast=OMNI, quality=OMNI), location="europe-west4")
    assert planner.plan(a_request()).clips[0].model == OMNI
    with pytest.raises(Invalid, match=f"{VEO} is offered in us-central1 only, not in europe-west4") as refused:
        planner.plan(a_request(model=VEO))
    assert refused.value.field == "model"


@pytest.mark.parametrize(
    ("reference", "kind"),
    [
        ("gs://bucket/a/frame.PNG", "image/png"),
        ("gs://bucket/frame.jpeg", "image/jpeg"),
        ("gs://bucket/frame", "image/jpeg"),
        ("gs://bucket/frame.mp4", "image/jpeg"),
        ("reelbus:references/" + "0" * 64 + ".webp", "image/webp"),
        ("data:image/png;base64,AAAA", "image/png"),
    ],
)
def test_the_kind_of_an_image(reference: str, kind: str) -> None:
    assert image_type(reference) == kind
