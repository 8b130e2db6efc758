"""What a worker saw when it looked at a finished video: `checks` in the record, in the completion and in the view."""

from pydantic import ConfigDict, Field

from schemas.versioning import Stored

KEPT, DROPPED = "kept", "dropped"
"""What became of the manifests (C2PA) of a video's sources."""


class Flag(Stored):
    """One thing about the video that a person should look at. It fails no job."""

    code: str = Field(
        description="black, frozen, flicker, cut, letterbox, pillarbox, silent, partly_silent, too_loud, too_quiet, "
        "no_audio_track, first_frame_differs, provenance_dropped; later versions may add codes."
    )
    from_seconds: float | None = Field(default=None, description="Where it begins; absent for the whole video.")
    to_seconds: float | None = Field(default=None, description="Where it ends.")
    value: float | None = Field(default=None, description="What was measured, in the unit of its rule.")


class Checks(Stored):
    """The result of the local checks of one video."""

    model_config = ConfigDict(title="Checks")

    rules: str = Field(description="The version of the rules, for example 2026-11.")
    changed_rules: dict[str, float] = Field(
        default_factory=dict, description="The thresholds that the operator has set to another value."
    )
    checked_in_ms: int = Field(default=0, description="How long the checks took.")
    flags: tuple[Flag, ...] = ()
    cuts: tuple[float, ...] = Field(default=(), description="Where the picture changes at once, in seconds.")
    loudness_lufs: float | None = Field(default=None, description="Integrated loudness (EBU R 128).")
    true_peak_dbtp: float | None = Field(default=None, description="The highest peak between the samples.")
    first_frame_ssim: float | None = Field(
        default=None, description="How alike the first frame and the reference image are: 1 is the same."
    )
    provenance: str | None = Field(
        default=None,
        description="kept or dropped: whether the video has a C2PA manifest like its sources; null if they have none.",
    )
    unchecked: str | None = Field(default=None, description="Why nothing could be measured; such a video is not bad.")

    @property
    def summary(self) -> str:
        """The codes of the flags in one line; `ok` without any, with `unchecked` if nothing was measured."""
        codes = ["unchecked"] if self.unchecked else []
        return ",".join(dict.fromkeys([*codes, *(flag.code for flag in self.flags)])) or "ok"
