"""The measures of a finished video."""

from pathlib import Path
from typing import Protocol

from schemas.domain.checks import CheckRules, Measures
from schemas.errors import ReelbusError


class NotMeasured(ReelbusError):
    """Nothing could be measured. It does not say that the video is bad."""


class VideoChecker(Protocol):
    """Looks at video files on the local disk, which may be hostile.

    A new adapter must guarantee that no file takes down the process or keeps the call longer than `within_s` and a
    second. `tests/contract/test_video_checker.py` proves it.
    """

    async def measure(
        self, video: Path, rules: CheckRules, *, reference: Path | None = None, within_s: float
    ) -> Measures:
        """Decode the whole file once. `reference` is the image that its first frame should show.

        Raises `NotMeasured` with the reason, and no other error.
        """
