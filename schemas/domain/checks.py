"""The rules by which the measures of a video become flags. Pure: `infra.media.measure` measures.

The thresholds were chosen with made clips and videos of the local renderer, not with videos of paid models.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from schemas.wire.checks import DROPPED, Checks, Flag
from schemas.wire.request import VideoRequest

RULES_VERSION = "2026-11"
Span = tuple[float, float]
"""From and to, in seconds."""
_AT_AN_EDGE_S = 0.25
"""A cut so close to a black part, to a joint of two clips or to the end says nothing new."""
_CUTS_AT_MOST = 100
_STILL = re.compile(r"\b(static|still|locked|lock|tripod|fixed|stationary|motionless|freeze|frozen)\b")


class CheckRules(BaseModel):
    """The thresholds of the checks. `REELBUS_CHECK_RULES` sets them."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    black_s: float = Field(default=0.5, gt=0, le=60, description="Seconds of black that are flagged.")
    black_level: float = Field(default=0.1, gt=0, lt=1, description="Luma of a black pixel, of 1.")
    frozen_s: float = Field(default=1.0, gt=0, le=60, description="Seconds without any change that are flagged.")
    frozen_noise_db: float = Field(default=-66, ge=-120, le=0, description="Change that counts as none.")
    flicker_level: float = Field(default=20, gt=0, le=255, description="Change of luma from frame to frame.")
    cut_score: float = Field(default=10, gt=0, le=100, description="Score of FFmpeg's scdet that is a cut.")
    bar_share: float = Field(default=0.04, gt=0, lt=1, description="Share of a side that both bars take together.")
    bar_level: float = Field(default=4, ge=0, le=255, description="The brightest luma of a bar, of 255.")
    silent_lufs: float = Field(default=-60, ge=-70, le=0, description="Loudness that counts as silence.")
    silent_s: float = Field(default=2.0, gt=0, le=60, description="Seconds of silence that are flagged.")
    silent_db: float = Field(default=-50, ge=-120, le=0, description="Level below which a part is silent.")
    quiet_lufs: float = Field(default=-40, ge=-70, le=0, description="Loudness below which it is too quiet.")
    loud_lufs: float = Field(default=-8, ge=-70, le=10, description="Loudness above which it is too loud.")
    true_peak_dbtp: float = Field(default=0, ge=-70, le=20, description="Peak above which it is too loud.")
    first_frame_ssim: float = Field(default=0.5, ge=-1, le=1, description="Likeness to the reference image.")

    @field_validator("*", mode="before")
    @classmethod
    def _is_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool):
            raise ValueError(f"{info.field_name} must be a number")
        return value

    @property
    def changes(self) -> dict[str, float]:
        """The thresholds that are not the default ones."""
        return {name: float(value) for name, value in self.model_dump(exclude_defaults=True).items()}


def _decode(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        rules = json.loads(value or "{}")
    except (ValueError, RecursionError):
        rules = None
    if not isinstance(rules, dict):
        raise ValueError('must be a JSON object of thresholds, for example {"frozen_s": 2}')
    return rules


RulesSetting = Annotated[CheckRules, NoDecode, BeforeValidator(_decode)]
"""The setting REELBUS_CHECK_RULES: a JSON object with the thresholds that differ."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measures:
    """What was measured in one video. The spans are as long as the rules ask for, and longer."""

    seconds: float
    black: Sequence[Span] = ()
    frozen: Sequence[Span] = ()
    flicker: Sequence[Span] = ()
    cuts: Sequence[tuple[float, float]] = ()
    """Time and score."""
    letterbox: float = 0.0
    """Share of the height that two bars take together."""
    pillarbox: float = 0.0
    """Share of the width that two bars take together."""
    has_sound: bool = False
    silent: Sequence[Span] = ()
    loudness_lufs: float | None = None
    true_peak_dbtp: float | None = None
    first_frame_ssim: float | None = None


def judge(
    found: Measures, rules: CheckRules, *, wants_sound: bool, may_freeze: bool = False, joints: Sequence[float] = ()
) -> Checks:
    """Return the flags of a video. `joints` are the seconds at which two clips were joined: a cut there was asked for.

    Sound is judged only if the request wanted some. A still picture is right if the request `may_freeze`.
    """
    flags = [
        *(_flag("black", span) for span in found.black),
        *(_flag("frozen", span) for span in found.frozen if not (may_freeze or _is_in(span, found.black))),
        *(_flag("flicker", span) for span in found.flicker),
        *(_flag("cut", (at, at), score) for at, score in _find_cuts(found, joints)),
        *(Flag(code="letterbox", value=found.letterbox) for _ in [0] if found.letterbox >= rules.bar_share),
        *(Flag(code="pillarbox", value=found.pillarbox) for _ in [0] if found.pillarbox >= rules.bar_share),
    ]
    if wants_sound:
        flags += _sound_flags(found, rules)
    likeness = found.first_frame_ssim
    if likeness is not None and likeness < rules.first_frame_ssim:
        flags.append(Flag(code="first_frame_differs", value=likeness))
    return Checks(
        rules=RULES_VERSION,
        changed_rules=rules.changes,
        flags=tuple(flags),
        cuts=tuple(at for at, _ in found.cuts[:_CUTS_AT_MOST]),
        loudness_lufs=found.loudness_lufs,
        true_peak_dbtp=found.true_peak_dbtp,
        first_frame_ssim=likeness,
    )


def note_provenance(found: Checks, provenance: str | None) -> Checks:
    """Return the checks with what became of the manifests of the sources. A loss is flagged."""
    if provenance is None:
        return found
    flags = (*found.flags, Flag(code="provenance_dropped")) if provenance == DROPPED else found.flags
    return found.model_copy(update={"provenance": provenance, "flags": flags})


def asks_for_stillness(request: VideoRequest) -> bool:
    """Return True if the words of the request ask for a picture or a camera that does not move."""
    camera = request.scene.cameraFlow if request.scene else None
    return _STILL.search(f"{camera or ''} {request.prompt}".lower()) is not None


def _sound_flags(found: Measures, rules: CheckRules) -> list[Flag]:
    if not found.has_sound:
        return [Flag(code="no_audio_track")]
    loudness, peak = found.loudness_lufs, found.true_peak_dbtp
    if loudness is None or loudness <= rules.silent_lufs:
        return [Flag(code="silent", value=loudness)]
    flags = [_flag("partly_silent", span) for span in found.silent]
    if loudness > rules.loud_lufs:
        flags.append(Flag(code="too_loud", value=loudness))
    elif peak is not None and peak > rules.true_peak_dbtp:
        flags.append(Flag(code="too_loud", value=peak))
    elif loudness < rules.quiet_lufs:
        flags.append(Flag(code="too_quiet", value=loudness))
    return flags


def _find_cuts(found: Measures, joints: Sequence[float]) -> list[tuple[float, float]]:
    """Return the cuts that neither a joint nor another flag explains."""
    edges = [*joints, *(edge for span in found.black for edge in span), found.seconds]
    return [
        (at, score)
        for at, score in found.cuts
        if not any(abs(at - edge) <= _AT_AN_EDGE_S for edge in edges) and not _is_in((at, at), found.flicker)
    ][:_CUTS_AT_MOST]


def _is_in(span: Span, others: Iterable[Span]) -> bool:
    """Return True if another span covers this one, but for a quarter of a second."""
    return any(start - _AT_AN_EDGE_S <= span[0] and span[1] <= end + _AT_AN_EDGE_S for start, end in others)


def _flag(code: str, span: Span, value: float | None = None) -> Flag:
    return Flag(code=code, from_seconds=round(span[0], 2), to_seconds=round(span[1], 2), value=value)
