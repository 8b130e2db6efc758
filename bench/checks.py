"""What the look at a finished video costs beside decoding the same file, in processor time of one thread."""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.figure import Figure, Side
from infra.animatic.render import render
from infra.animatic.storyboard import Storyboard
from infra.media.container import decode, open_video, read_packets
from infra.media.measure import measure as look_at
from schemas.domain.checks import CheckRules

SECONDS = 6
ROUNDS = 7
GOAL = 1.5


def measure() -> Sequence[Figure]:
    """Decode and look at one video, in turns."""
    with tempfile.TemporaryDirectory(prefix="reelbus-bench-") as folder:
        video = Path(folder) / "video.mp4"
        render(_board(), video)
        decoding, looking = [], []
        for _ in range(ROUNDS):
            decoding.append(_cpu_s(_decode, video))
            looking.append(_cpu_s(lambda file: look_at(file, CheckRules()), video))
    what = f"{SECONDS} s of 720p by the local renderer"
    return [
        Figure(
            name="checks",
            goal=GOAL,
            ours=Side(what=f"the checks of {what}", unit="s of CPU", rounds=tuple(looking)),
            theirs=Side(what="decoding it", unit="s of CPU", rounds=tuple(decoding)),
        )
    ]


def _cpu_s(work: Callable[[Path], object], video: Path) -> float:
    began = time.process_time()
    work(video)
    return time.process_time() - began


def _decode(video: Path) -> None:
    with open_video(video) as container:
        tracks: list[Any] = [*container.streams.video, *container.streams.audio]
        for track in tracks:
            track.thread_count = 1
        for packet in read_packets(container, *tracks):
            decode(packet)


def _board() -> Storyboard:
    return Storyboard(
        width=1280,
        height=720,
        duration_seconds=SECONDS,
        seed=3,
        title="A red kite",
        description="A red kite over a green field",
        script="It rises.",
        camera="slow pan left",
        music="calm",
        style="",
        audio=True,
        image=None,
    )
