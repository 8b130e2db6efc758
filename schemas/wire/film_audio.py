"""What a storyboard asks for of the sound of its film."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StrictBool

from schemas.versioning import Asked

LOUDNESS_LUFS = -16.0
"""The upper end of what AES TD1004 (2015) recommends for streams: -20 to -16 LUFS, and peaks of at most -1 dBTP."""
TRUE_PEAK_DBTP = -1.5
MUSIC_MAX_BYTES = 20_000_000
"""As much as an image: a store that brings a file from another bucket takes no larger one."""
MUSIC_MIN_S, MUSIC_MAX_S = 1, 1800
"""The longest film has 60 scenes of 30 s."""
MUSIC_TYPES = {"mp3": "audio/mpeg", "m4a": "audio/mp4", "wav": "audio/wav", "flac": "audio/flac", "ogg": "audio/ogg"}
"""By the extension of the stored name."""
MUSIC_FIELD = "audio.music.uri"

_INLINE = re.compile(r"data:audio/[a-z0-9.+-]{1,40};base64,")
_ADDRESS = re.compile(
    r"gs://[a-z0-9][a-z0-9._-]{1,220}/[^\s\x00-\x1f]{1,1024}"
    rf"|reelbus:music/film_[A-Za-z0-9_-]{{1,80}}\.(?:{'|'.join(MUSIC_TYPES)})"
)


def _check_address(uri: str) -> str:
    if not _INLINE.match(uri) and not _ADDRESS.fullmatch(uri):
        raise ValueError("must be a data:audio/…;base64, URL, or a gs:// address in a bucket that is read here")
    return uri


MusicUri = Annotated[str, Field(min_length=1, max_length=28_000_000), AfterValidator(_check_address)]


class FilmMusic(Asked):
    """Music under the whole film. It is repeated, or cut, to the length of the film."""

    uri: MusicUri = Field(description="MP3, M4A, WAV, FLAC or Ogg of at most 20 MB and half an hour.")
    gain_db: float = Field(
        default=-6,
        ge=-40,
        le=6,
        allow_inf_nan=False,
        description="How much louder than the scenes it is; with normalise_lufs null, than its own file.",
    )
    duck: StrictBool = Field(default=True, description="It is lowered while a scene is heard.")
    fade_seconds: float = Field(
        default=2, ge=0, le=30, allow_inf_nan=False, description="At both ends, at most half of the film each."
    )


class FilmAudio(Asked):
    """How loud a film is, and the music under it. A storyboard that says nothing gets the defaults."""

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
    music: FilmMusic | None = None
