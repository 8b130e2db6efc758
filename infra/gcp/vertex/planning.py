"""Plans the clips of a request and their price, without I/O: the cheapest sequence that is long enough."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from infra.clock import SystemClock
from infra.gcp.vertex.models import GLOBAL, Model, ModelPreferences
from schemas.domain.clip import Plan, PlannedClip
from schemas.domain.fallback import fallback_cause
from schemas.errors import Invalid
from schemas.wire.media_types import JPEG, image_type_of_name
from schemas.wire.request import VideoRequest

BANNED_S = 3600.0
"""A refusal must not ban a model until the process restarts."""
_NOTICE = timedelta(days=30)


class _Ban(NamedTuple):
    """A model that is not used until a time on the boot clock."""

    until: float
    reason: str


def cheapest_cover(model: Model, seconds: int) -> tuple[int, ...] | None:
    """Return the lengths of the first clip and of each extension; None if the model can't make a video that long.

    Every second costs the same, so the shortest sum is the cheapest; of equal sums the one with fewer calls, and of
    those the one whose first clip is longest.
    """
    covers = (cover for cover in _covers(model, seconds) if sum(cover) >= seconds)
    return min(covers, key=lambda cover: (sum(cover), len(cover), [-length for length in cover]), default=None)


def _covers(model: Model, seconds: int) -> Iterator[tuple[int, ...]]:
    """Generate every sequence that the model can make, without superfluous calls."""
    growing: list[tuple[int, ...]] = [(base,) for base in model.durations_s]
    while growing:
        cover = growing.pop()
        total = sum(cover)
        yield cover
        if total < seconds and total <= model.max_input_s:
            # Longer extensions come first: other orders give the same sums, and there are very many of them.
            steps = (step for step in model.extensions_s if len(cover) == 1 or step <= cover[-1])
            growing += [(*cover, step) for step in steps if total + step <= model.max_total_s]


@dataclass(slots=True)
class Planner:
    """Plans with the preferred model that can make the video. Models that were missing are banned for an hour."""

    preferences: ModelPreferences
    location: str = ""
    """Where regional models are called; empty: where they are offered."""
    boot: Callable[[], float] = SystemClock().boot
    _bans: dict[str, _Ban] = field(default_factory=dict)

    def ban(self, model: str, reason: str) -> None:
        """Do not use the model for an hour."""
        self._bans[model] = _Ban(until=self.boot() + BANNED_S, reason=reason)

    def plan(self, request: VideoRequest) -> Plan:
        """Plan a request. If no model can make it, raises `Invalid` with the reason of the preferred model
        that takes its images.

        A banned model is used all the same if no other can replace it within the caller's `max_cost_usd`.
        """
        candidates = self.preferences.candidates(request)
        banned = self._bans_of(candidates)
        if banned:
            preferred, *_ = self._makers(candidates, request) or candidates
            for model in self._makers([each for each in candidates if each.id not in banned], request):
                plan = self._plan_with(model, request)
                if request.allows(plan.price_usd):
                    return self._annotate(plan, preferred if preferred.id in banned else None, request)
        reasons: dict[str, Invalid] = {}
        for model in candidates:
            try:
                return self._annotate(self._plan_with(model, request), None, request)
            except Invalid as error:
                reasons.setdefault(model.id, error)
        # A model that takes the images has a reason about which the caller can do something.
        used = {field.partition(".")[0] for field in request.images}
        able = (model for model in candidates if used <= model.fields)
        raise reasons[next(able, candidates[0]).id]

    def why_no_other(self, request: VideoRequest) -> str | None:
        """Return why no other model can replace a missing one; None if one can."""
        candidates = self.preferences.candidates(request)
        banned = self._bans_of(candidates)
        others = [model for model in candidates if model.id not in banned]
        reasons = [reason for model in others if (reason := self._why_not(model, request))]
        if len(reasons) < len(others):
            return None
        if not others and request.model is not None:
            return "the request names this model"
        return "; ".join(reasons) or "no other model of the settings is available"

    def _bans_of(self, candidates: Sequence[Model]) -> Mapping[str, _Ban]:
        now = self.boot() if self._bans else 0.0
        self._bans = {id: ban for id, ban in self._bans.items() if now < ban.until}
        return {model.id: self._bans[model.id] for model in candidates if model.id in self._bans}

    def _makers(self, models: Sequence[Model], request: VideoRequest) -> list[Model]:
        """Return the models that can make the video, at any price."""
        return [model for model in models if self._why_not(model, request, at_any_price=True) is None]

    def _why_not(self, model: Model, request: VideoRequest, *, at_any_price: bool = False) -> str | None:
        try:
            price = self._plan_with(model, request).price_usd
        except Invalid as error:
            return str(error)
        if at_any_price or request.allows(price):
            return None
        return f"{model.id} costs {price} USD, more than max_cost_usd"

    def _plan_with(self, model: Model, request: VideoRequest) -> Plan:
        check_location(model, self.location, field="model")
        return plan_with(model, request)

    def _annotate(self, plan: Plan, instead_of: Model | None, request: VideoRequest) -> Plan:
        """Add warnings to a plan, and the reason why it uses another model."""
        made_by = self.preferences.row(plan.clips[0].model)
        warning = retirement_warning(made_by, datetime.now(UTC).date())
        update: dict[str, Any] = {"warnings": (warning,) if warning else ()}
        if instead_of:
            price = self._plan_with(instead_of, request).price_usd
            words = f"{made_by.id} makes the video for {plan.price_usd} USD instead of {instead_of.id} for {price} USD."
            update["fallback"] = fallback_cause(instead_of.id, f"{words} {self._bans[instead_of.id].reason}")
        return plan.model_copy(update=update)


def retirement_warning(model: Model, today: date) -> str | None:
    """Return a warning about a model that Google may switch off now or within a month."""
    if model.retires is None or today < model.retires - _NOTICE:
        return None
    since = "any day since" if model.retires <= today else "from"
    return f"Google may switch {model.id} off {since} {model.retires:%Y-%m-%d}; others are in docs/google-cloud.md."


def check_location(model: Model, location: str, *, field: str) -> None:
    """Raise `Invalid` for a location in which a regional model is not offered. Global models are called in `global`."""
    if location and model.region not in (GLOBAL, location):
        where = f"{model.id} is offered in {model.region} only, not in {location}"
        words = f"{where}; leave the location out, or name models that need none"
        raise Invalid(f"{field}: {words}" if field.isupper() else words, field=field)


def plan_with(model: Model, request: VideoRequest) -> Plan:
    """Return the cheapest plan at one model. Raises `Invalid` only for what the model certainly can't do."""
    _check(model, request)
    cover = _cover(model, request)
    return Plan(clips=tuple(_clip(model, request, seconds, extends=i > 0) for i, seconds in enumerate(cover)))


def _cover(model: Model, request: VideoRequest) -> tuple[int, ...]:
    """Return the lengths of the clips. Raises `Invalid` if the model can't make a video that long.

    An extension takes no images. A last frame is the end of one clip, of which nothing may be cut off.
    """
    wanted = request.duration_seconds
    if request.last_image:
        offered: tuple[int, ...] = tuple(length for length in model.durations_s if length == wanted)
        limit = f"{' or '.join(map(str, model.durations_s))} with last_image"
    elif request.reference_images:
        offered = tuple(length for length in model.reference_durations_s if length >= wanted)
        limit = f"at most {max(model.reference_durations_s, default=0)} with reference_images"
    elif cover := cheapest_cover(model, wanted):
        return cover
    else:
        offered, limit = (), f"at most {model.max_total_s}"
    if not offered:
        raise Invalid(f"duration_seconds must be {limit} for {model.id}, not {wanted}", field="duration_seconds")
    return (min(offered),)


def image_type(reference: str) -> str:
    """Return the media type of a reference image by its address; JPEG if the address does not tell.

    The extension of a stored image was chosen by its content, see `schemas.services.reference_images`.
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
        raise Invalid(
            f"resolution must be {' or '.join(model.rates)} for {model.id}, not {request.resolution}",
            field="resolution",
        )
    if request.aspect_ratio not in model.aspect_ratios:
        offered = " or ".join(sorted(model.aspect_ratios))
        raise Invalid(
            f"aspect_ratio must be {offered} for {model.id}, not {request.aspect_ratio}", field="aspect_ratio"
        )
    if not request.generate_audio and model.rates[request.resolution].silent is None:
        raise Invalid(f"generate_audio can't be false for {model.id}", field="generate_audio")
    request.check_used(model.fields, model.id)
    _check_images(model, request)


def _check_images(model: Model, request: VideoRequest) -> None:
    for name, image in request.images.items():
        if image_type(image) not in model.image_types:
            kinds = " or ".join(sorted(kind.removeprefix("image/") for kind in model.image_types)) or "no image"
            raise Invalid(f"{name} must be {kinds} for {model.id}", field=name)
    if request.reference_images and (request.reference_image or request.last_image):
        words = f"reference_images can't be given with a first or last frame for {model.id}"
        raise Invalid(words, field="reference_images")
    if request.last_image and not request.reference_image:
        raise Invalid(f"last_image can't be given without a first frame for {model.id}", field="last_image")
