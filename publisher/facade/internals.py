"""Keeps the server's own paths out of answers: an error of a library or the system may name a file."""

import re

from schemas.failure import Failure
from schemas.view import ClipView, JobView

_PATH = re.compile(
    r"""(?P<quote>['"])/[^'"\n]*(?P=quote)"""  # as Python's errors quote a file
    r"|(?<![\w/:.%~-])/(?:[\w.@+~-]+/)+[\w.@+~-]*"
)
_INSTEAD = "(a file of the server)"


def without_paths(words: str) -> str:
    """The sentence without absolute paths. URLs stay."""
    return _PATH.sub(_INSTEAD, words) if "/" in words else words


def public_view(view: JobView) -> JobView:
    """The job as callers of the facade see it."""
    return view.model_copy(
        update={
            "error": _failure(view.error),
            "clips": tuple(_clip(clip) for clip in view.clips),
            "defect": view.defect and without_paths(view.defect),
        }
    )


def _clip(clip: ClipView) -> ClipView:
    return clip.model_copy(update={"cause": _failure(clip.cause)}) if clip.cause else clip


def _failure(failure: Failure | None) -> Failure | None:
    return failure and failure.model_copy(update={"message": without_paths(failure.message)})
