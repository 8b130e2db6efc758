"""The final file: the clips of a job joined and cut to the length that was asked for, ready to stream."""

import shutil
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from infra.media.copying import copy_start
from infra.media.encoding import encode
from infra.media.probe import Probe, opened, probe
from infra.media.whole import whole


def assemble(clips: Sequence[Path], *, duration_seconds: int, to: Path) -> Probe:
    """Join the clips in order and end after exactly `duration_seconds`, losing as little quality as can be.

    A clip that is right already is copied as it is; one that is only too long is cut without being encoded again
    where its frames allow that; anything else is encoded anew, in the first clip's size and frame rate.
    Raises ValueError if a clip does not play, or if together they are too short.
    """
    probes = [probe(clip) for clip in clips]
    _check_length(probes, duration_seconds)
    with whole(to) as part:
        if len(clips) > 1:
            encode(clips, probes, duration_seconds, part)
        elif _is_right(clips[0], probes[0], duration_seconds):
            shutil.copyfile(clips[0], part)
        elif not _cut(clips[0], probes[0], duration_seconds, part):
            encode(clips, probes, duration_seconds, part)
    return probe(to)


def frames_for(duration_seconds: int, fps: float) -> int:
    return round(duration_seconds * fps)


def _check_length(probes: Sequence[Probe], duration_seconds: int) -> None:
    if not probes:
        raise ValueError("There are no clips to assemble.")
    there_s = sum(each.duration_seconds for each in probes)
    one_frame_s = 1 / (probes[0].fps or 1)
    if there_s < duration_seconds - one_frame_s * 1.01:
        raise ValueError(f"The clips last {there_s:.2f} s together, but the video is to last {duration_seconds} s.")


def _is_right(clip: Path, found: Probe, duration_seconds: int) -> bool:
    if not found.faststart or found.frames != frames_for(duration_seconds, found.fps):
        return False
    with opened(clip) as container:
        # The longest track counts: sound that goes on would make a player go on.
        length_s = Fraction(container.duration or 0, 1_000_000)
        return abs(length_s - duration_seconds) <= 1 / Fraction(found.fps)


def _cut(clip: Path, found: Probe, duration_seconds: int, to: Path) -> bool:
    """Cut without encoding; False where that cannot be done exactly. The result is decoded to make sure."""
    wanted = frames_for(duration_seconds, found.fps)
    return copy_start(clip, wanted, duration_seconds, to) and probe(to, decode=True).frames == wanted
