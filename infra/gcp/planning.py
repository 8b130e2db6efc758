"""What a request costs at which model, before a cent is spent. Pure, and without a word to Google."""

from dataclasses import dataclass, field

from infra.gcp.cover import cheapest_cover
from infra.gcp.lineup import Lineup
from infra.gcp.models import Model
from schemas.errors import Invalid
from schemas.media_types import JPEG, image_type_of_name
from schemas.plan import Plan, PlannedClip
from schemas.request import VideoRequest


@dataclass(slots=True)
class Planner:
    """Plans with the first model in line that can make the video. Remembers which ones Google has switched off."""

    lineup: Lineup
    gone: set[str] = field(default_factory=set)

    def plan(self, request: VideoRequest) -> Plan:
        """Raises `Invalid` with what keeps the preferred model from it, where none can."""
        candidates = self.lineup.candidates(request)
        there = [model for model in candidates if model.id not in self.gone]
        reason: Invalid | None = None
        for model in there or candidates:
            try:
                return plan_with(model, request)
            except Invalid as error:
                reason = reason or error
        assert reason is not None
        raise reason

    def has_alternative(self, request: VideoRequest) -> bool:
        """Whether a model that is still there can make it, for no more than the caller wants to spend."""
        try:
            plan = self.plan(request)
        except Invalid:
            return False
        return plan.clips[0].model not in self.gone and request.allows(plan.price_usd)


def plan_with(model: Model, request: VideoRequest) -> Plan:
    """The cheapest plan at one model. Raises `Invalid` only for what it certainly can't do."""
    _check(model, request)
    cover = cheapest_cover(model, request.duration_seconds)
    if cover is None:
        raise Invalid(
            f"duration_seconds must be at most {model.max_total_s} for {model.id}, not {request.duration_seconds}",
            field="duration_seconds",
        )
    return Plan(clips=tuple(_clip(model, request, seconds, extends=i > 0) for i, seconds in enumerate(cover)))


def image_type(reference: str) -> str:
    """The kind of a reference image, by its address; JPEG if that does not tell.

    The extension of a stored image was chosen by its content: see `schemas.claim_check`.
    """
    if reference.startswith("data:"):
        return reference[5:].partition(";")[0].partition(",")[0]
    return image_type_of_name(reference) or JPEG


def _clip(model: Model, request: VideoRequest, seconds: int, *, extends: bool) -> PlannedClip:
    rate = model.rates[request.resolution]
    price = rate.audio if request.generate_audio or rate.silent is None else rate.silent
    return PlannedClip(
        model=model.id,
        seconds=seconds,
        billed_seconds=seconds,
        price_usd=price * seconds,
        expected_s=model.expected_s,
        extends=extends,
    )


def _check(model: Model, request: VideoRequest) -> None:
    if request.resolution not in model.rates:
        raise Invalid(f"resolution must be {' or '.join(model.rates)} for {model.id}", field="resolution")
    if request.aspect_ratio not in model.aspect_ratios:
        offered = " or ".join(sorted(model.aspect_ratios))
        raise Invalid(f"aspect_ratio must be {offered} for {model.id}", field="aspect_ratio")
    if not request.generate_audio and model.rates[request.resolution].silent is None:
        raise Invalid(f"generate_audio can't be false for {model.id}", field="generate_audio")
    if request.seed is not None and not model.seed:
        raise Invalid(f"seed can't be given for {model.id}", field="seed")
    if request.reference_image and image_type(request.reference_image) not in model.image_types:
        kinds = " or ".join(sorted(kind.removeprefix("image/") for kind in model.image_types)) or "no image"
        raise Invalid(f"reference_image must be {kinds} for {model.id}", field="reference_image")
