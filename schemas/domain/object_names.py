"""Names in the video store. Only finished videos are under `generated-videos/`; everything else is private."""

import re
from datetime import UTC, datetime

FINALS = "generated-videos/"
POSTERS = "posters/"
CHECKS = "checks/"
EVALUATIONS = "evaluations/"
RUBRICS = "rubrics/"
"""The questions about a prompt, by its digest."""
REFERENCES = "references/"
MUSIC = "music/"
DERIVED = {"spritesheet": "jpg", "preview": "mp4", "captions": "vtt"}
"""What can be made of a finished video, with its extension. It is stored beside the poster, and as public."""
WORK = "work/"
REFERRERS = "referrers/"
MARKER = "submit.json"
"""The last part of a marker's name. No model gives a video this name."""
REFERENCE_SCHEME = "reelbus:"
"""The scheme by which a request names an image in our store."""

FILM_FOLDERS = (FINALS, POSTERS, CHECKS, MUSIC)
"""Where files of a film may be: the film itself, what is stored beside it, and the music that its caller brought."""

_OF_FILM = re.compile(r"[0-9a-f]{12}(?![0-9A-Za-z_])(?!.*-[0-9a-f]{12}(?![0-9A-Za-z_])).*")
"""The rest of the name after the film's id. A second digest belongs to the file of a longer id."""
_NAME = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9_.-]{0,200}/){0,8}[A-Za-z0-9_-][A-Za-z0-9_.-]{0,200}")


def final_name(created_at: datetime, job_id: str) -> str:
    """Return `generated-videos/video_20240101_120000_abc123.mp4`: the same for every worker that finishes the job."""
    return f"{FINALS}{_stem(created_at, job_id)}.mp4"


def poster_name(created_at: datetime, job_id: str) -> str:
    """Return the name of the still picture of the finished video."""
    return f"{POSTERS}{_stem(created_at, job_id)}.jpg"


def variant_name(created_at: datetime, job_id: str, variant: str) -> str:
    """Return the name of a file that is made of the finished video. It is no poster's: an id has no dot."""
    return f"{POSTERS}{_stem(created_at, job_id)}.{variant}.{DERIVED[variant]}"


def checks_name(created_at: datetime, job_id: str) -> str:
    """Return the name of the file with the checks of the finished video."""
    return f"{CHECKS}{_stem(created_at, job_id)}.json"


def film_prefix(folder: str, film_id: str) -> str:
    """Return the beginning of the names of a film's files in one folder; a digest of 12 characters follows.

    Names of other films may begin with it too: see `is_file_of_film`.
    """
    return f"{folder}film_{film_id}-"


def is_file_of_film(name: str, folder: str, film_id: str) -> bool:
    """Return True for a file of this film, and not for one of a film whose longer id begins with this id."""
    return bool(_OF_FILM.fullmatch(name.removeprefix(film_prefix(folder, film_id))))


def evaluation_name(created_at: datetime, job_id: str) -> str:
    """Return the name of the file with the score of the finished video against its prompt."""
    return f"{EVALUATIONS}{_stem(created_at, job_id)}.json"


def music_name(film_id: str, digest: str, extension: str) -> str:
    """Return the name of a film's music, which its own caller brought: films share none."""
    return f"{film_prefix(MUSIC, film_id)}{digest[:12]}.{extension}"


def work_prefix(job_id: str, clip: int, attempt: int) -> str:
    """Return where the model puts the files of one attempt at a clip. A file there proves that it was accepted."""
    return f"{clip_prefix(job_id, clip)}{attempt}/"


def work_folder(name: str) -> str:
    """Return the folder of the attempt that a file under `work/` belongs to."""
    return "/".join(name.split("/")[:4]) + "/"


def clip_prefix(job_id: str, clip: int) -> str:
    """Return the prefix of all attempts at one clip."""
    return f"{job_prefix(job_id)}{clip}/"


def job_prefix(job_id: str) -> str:
    """Return the prefix of all intermediate files of a job."""
    return f"{WORK}{job_id}/"


def attempt_of(name: str) -> int:
    """Return the number of the attempt that a file under `work/` belongs to."""
    return int(name.split("/")[3])


def marker_name(prefix: str) -> str:
    """Return the name of the file that a worker puts under an attempt's prefix before it sends the paid request."""
    return f"{prefix}{MARKER}"


def is_marker(name: str) -> bool:
    """Return True for a marker: it says that an attempt was begun, and not that a video exists."""
    return name.endswith(f"/{MARKER}")


def reference_name(digest: str, extension: str) -> str:
    """Return the name of a reference image: the digest of its content."""
    return f"{REFERENCES}{digest}.{extension}"


def name_in_store(reference: str | None) -> str | None:
    """Return the name in the video store of a stored reference image; None for an address elsewhere."""
    return reference.removeprefix(REFERENCE_SCHEME) if reference and reference.startswith(REFERENCE_SCHEME) else None


def referrer_name(image: str, job_id: str) -> str:
    """Return the name of the empty file that says that a job uses an image; with an empty id, their prefix."""
    return f"{REFERRERS}{image.removeprefix(REFERENCES)}/{job_id}"


def is_safe(name: str) -> bool:
    """Return True for a relative name without an empty part, a hidden part, or `..`."""
    return bool(_NAME.fullmatch(name)) and ".." not in name


def _stem(created_at: datetime, job_id: str) -> str:
    return f"video_{created_at.astimezone(UTC):%Y%m%d_%H%M%S}_{job_id}"
