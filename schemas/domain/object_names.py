"""Names in the video store. Only finals stand under `generated-videos/`; everything else is private."""

import re
from datetime import UTC, datetime

FINALS = "generated-videos/"
POSTERS = "posters/"
REFERENCES = "references/"
WORK = "work/"
REFERRERS = "referrers/"
MARKER = "submit.json"
"""The last part of a marker's name; no model calls a video that."""
REFERENCE_SCHEME = "reelbus:"
"""How a request names an image that lies in our store."""

_NAME = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9_.-]{0,200}/){0,8}[A-Za-z0-9_-][A-Za-z0-9_.-]{0,200}")


def final_name(created_at: datetime, job_id: str) -> str:
    """`generated-videos/video_20240101_120000_abc123.mp4`: the same for every worker that finishes this job."""
    return f"{FINALS}{_stem(created_at, job_id)}.mp4"


def poster_name(created_at: datetime, job_id: str) -> str:
    """The still picture that belongs to the final."""
    return f"{POSTERS}{_stem(created_at, job_id)}.jpg"


def work_prefix(job_id: str, clip: int, attempt: int) -> str:
    """Where the model puts what one attempt at one clip makes; what lies there proves that it was accepted."""
    return f"{clip_prefix(job_id, clip)}{attempt}/"


def work_folder(name: str) -> str:
    """The folder of the attempt that a file under `work/` belongs to."""
    return "/".join(name.split("/")[:4]) + "/"


def clip_prefix(job_id: str, clip: int) -> str:
    """Where all attempts at one clip lie."""
    return f"{job_prefix(job_id)}{clip}/"


def job_prefix(job_id: str) -> str:
    """Where everything lies that was made on the way to one job's video."""
    return f"{WORK}{job_id}/"


def attempt_of(name: str) -> int:
    """Which attempt a file under `work/` belongs to."""
    return int(name.split("/")[3])


def marker_name(prefix: str) -> str:
    """The small file that is put under an attempt's prefix before its paid request leaves."""
    return f"{prefix}{MARKER}"


def is_marker(name: str) -> bool:
    """True for a marker: it says that an attempt was begun, and not that a video was made."""
    return name.endswith(f"/{MARKER}")


def reference_name(digest: str, extension: str) -> str:
    """A reference image, named by its content."""
    return f"{REFERENCES}{digest}.{extension}"


def name_in_store(reference: str | None) -> str | None:
    """The name in the video store that a claimed reference stands for; None for a foreign address."""
    return reference.removeprefix(REFERENCE_SCHEME) if reference and reference.startswith(REFERENCE_SCHEME) else None


def referrer_name(image: str, job_id: str) -> str:
    """The empty file that says which job uses a reference image; with an empty id, where they all lie."""
    return f"{REFERRERS}{image.removeprefix(REFERENCES)}/{job_id}"


def is_safe(name: str) -> bool:
    """True for a relative name without empty, hidden or climbing parts."""
    return bool(_NAME.fullmatch(name)) and ".." not in name


def _stem(created_at: datetime, job_id: str) -> str:
    return f"video_{created_at.astimezone(UTC):%Y%m%d_%H%M%S}_{job_id}"
