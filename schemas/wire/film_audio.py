"""What a storyboard asks for of the sound of its film."""

from pydantic import Field

from schemas.versioning import Asked

LOUDNESS_LUFS = -16.0
"""The upper end of what AES TD1004 (2015) recommends for streams: -20 to -16 LUFS, and peaks of at most -1 dBTP."""
TRUE_PEAK_DBTP = -1.5


class FilmAudio(Asked):
    """How loud a film is. A storyboard that says nothing gets the defaults."""

    normalise_lufs: float | None = Field(
        default=LOUDNESS_LUFS,
        ge=-36,
        le=-9,
        allow_inf_nan=False,
        description="Each scene and the whole film get this integrated loudness (EBU R128); null leaves all as it is.",
    )
    true_peak_dbtp: float = Field(
        default=TRUE_PEAK_DBTP, ge=-9, le=0, allow_inf_nan=False, description="No true peak is higher."
    )
