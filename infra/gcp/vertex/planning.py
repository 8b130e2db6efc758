"""What a request costs at which model, before a cent is spent. Without a word to Google.

The cheapest sequence of clips that is at least as long as what was asked for. Pure arithmetic.
"""

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


def cheapest_cover(model: Model, seconds: int) -> tuple[int, ...] | None:
    """Length of the first clip and of each extension; None where the model can't make it that long.

    Every second costs the same, so the shortest sum is the cheapest; of equal sums the one with fewer calls, and of
    those the one that starts longest.
    """
    covers = (cover for cover in _covers(model, seconds) if sum(cover) >= seconds)
    return min(covers, key=lambda cover: (sum(cover), len(cover), [-length for length in cover]), default=None)


def _covers(model: Model, seconds: int) -> Iterator[tuple[int, ...]]:
    """Every sequence that the model can make, none with a call more than it needs."""
    growing: list[tuple[int, ...]] = [(base,) for base in model.durations_s]
    while growing:
        made = growing.pop()
        total = sum(made)
        yield made
        if total < seconds and total <= model.max_input_s:
            growing += [(*made, step) for step in _steps(model, made) if total + step <= model.max_total_s]


def _steps(model: Model, made: tuple[int, ...]) -> tuple[int, ...]:
    """Longest extensions first: other orders give the same sums, and there are very many of them."""
    return tuple(step for step in model.extensions_s if len(made) == 1 or step <= made[-1])


_NOTICE = timedelta(days=30)


class _Ban(NamedTuple):
    """Until when, on the boot clock, a model is passed over, and why."""

    until: float
    why: str


BANNED_S = 3600.0
"""One refusal must not keep a model away until the process starts again."""


@dataclass(slots=True)
class Planner:
    """Plans with the first model in line that can make the video. Remembers for an hour which ones were missing."""

    lineup: ModelPreferences
    location: str = ""
    """Where regional models are asked; empty: where they are offered."""
    boot: Callable[[], float] = SystemClock().boot
    _bans: dict[str, _Ban] = field(default_factory=dict)

    def ban(self, model: str, why: str) -> None:
        """Pass the model over for an hour."""
        self._bans[model] = _Ban(until=self.boot() + BANNED_S, why=why)

    def plan(self, request: VideoRequest) -> Plan:
        """Raises `Invalid` with what keeps the preferred model from it, if no model can make it.

        A model that is banned is asked again if no other can take its place for what the caller wants to spend.
        """
        candidates = self.lineup.candidates(request)
        banned = self._banned(candidates)
        if banned:
            asked_for, *_ = self._makers(candidates, request) or candidates
            for model in self._makers([each for each in candidates if each.id not in banned], request):
                plan = self._plan_with(model, request)
                if request.allows(plan.price_usd):
                    return self._noted(plan, asked_for if asked_for.id in banned else None, request)
        return self._noted(self._first_plan(candidates, request), None, request)

    def why_no_other(self, request: VideoRequest) -> str | None:
        """What keeps every other model from taking the place of one that is missing; None if one can."""
        candidates = self.lineup.candidates(request)
        banned = self._banned(candidates)
        others = [model for model in candidates if model.id not in banned]
        reasons = [reason for model in others if (reason := self._why_not(model, request))]
        if len(reasons) < len(others):
            return None
        if not others and request.model is not None:
            return "the request names this model"
        return "; ".join(reasons) or "no other model of the settings is available"

    def _banned(self, candidates: Sequence[Model]) -> Mapping[str, _Ban]:
        now = self.boot() if self._bans else 0.0
        self._bans = {id: ban for id, ban in self._bans.items() if now < ban.until}
        return {model.id: self._bans[model.id] for model in candidates if model.id in self._bans}

    def _makers(self, models: Sequence[Model], request: VideoRequest) -> list[Model]:
        """Those that can make it, at whatever price."""
        return [model for model in models if self._why_not(model, request, at_any_price=True) is None]

    def _why_not(self, model: Model, request: VideoRequest, *, at_any_price: bool = False) -> str | None:
        try:
            price = self._plan_with(model, request).price_usd
        except Invalid as error:
            return str(error)
        if at_any_price or request.allows(price):
            return None
        return f"{model.id} costs {price} USD, more than max_cost_usd"

    def _first_plan(self, candidates: Sequence[Model], request: VideoRequest) -> Plan:
        reason: Invalid | None = None
        for model in candidates:
            try:
                return self._plan_with(model, request)
            except Invalid as error:
                reason = reason or error
        assert reason is not None
        raise reason

    def _plan_with(self, model: Model, request: VideoRequest) -> Plan:
        check_location(model, self.location, field="model")
        return plan_with(model, request)

    def _noted(self, plan: Plan, instead_of: Model | None, request: VideoRequest) -> Plan:
        made_by = self.lineup.row(plan.clips[0].model)
        warning = retirement_warning(made_by, datetime.now(UTC).date())
        update: dict[str, Any] = {"warnings": (warning,) if warning else ()}
        if instead_of:
            price = self._plan_with(instead_of, request).price_usd
            words = f"{made_by.id} makes the video for {plan.price_usd} USD instead of {instead_of.id} for {price} USD."
            update["fallback"] = fallback_cause(instead_of.id, f"{words} {self._bans[instead_of.id].why}")
        return plan.model_copy(update=update)


def retirement_warning(model: Model, today: date) -> str | None:
    """What to know about a model that may be switched off now or within a month."""
    if model.retires is None or today < model.retires - _NOTICE:
        return None
    since = "any day since" if model.retires <= today else "from"
    return f"Google may switch {model.id} off {since} {model.retires:%Y-%m-%d}; others are in docs/google-cloud.md."


def check_location(model: Model, location: str, *, field: str) -> None:
    """Raises `Invalid` for a location in which a regional model is not offered. Global models are asked in `global`."""
    if location and model.region not in (GLOBAL, location):
        where = f"{model.id} is offered in {model.region} only, not in {location}"
        words = f"{where}; leave the location out, or name models that need none"
        raise Invalid(f"{field}: {words}" if field.isupper() else words, field=field)


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

    The extension of a stored image was chosen by its content: see `schemas.services.reference_images`.
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
