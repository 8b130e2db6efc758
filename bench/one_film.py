"""Renders films in a process of its own: `python -m bench.one_film WIDTH HEIGHT SECONDS SEED CAMERA FOLDER`.

Says one line of JSON: the seconds that the film took, and the most memory that the process ever held, in bytes.
"""

import json
import sys
import time
from pathlib import Path

from infra.animatic.render import render
from infra.animatic.storyboard import Storyboard


def board(width: int, height: int, duration_seconds: int, seed: int, camera: str) -> Storyboard:
    """A film with all that a film may have: words in every place, and sound."""
    return Storyboard(
        width=width,
        height=height,
        duration_seconds=duration_seconds,
        seed=seed,
        title="Harbour at dawn",
        description="Fishing boats leave the harbour one by one while the first light comes over the breakwater.",
        script="Every morning the boats go out before the town wakes up. Today they are late, and nobody knows why.",
        camera=camera,
        music="calm piano, hopeful",
        style="warm, film grain",
        audio=True,
        image=None,
    )


def peak_bytes() -> int:
    """The most memory that this program has held, not counting whoever started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def main() -> None:
    """A film of one second first: what is loaded once is not the film's."""
    width, height, seconds, seed = map(int, sys.argv[1:5])
    camera, folder = sys.argv[5], Path(sys.argv[6])
    render(board(width, height, 1, seed, camera), folder / "warm.mp4")
    begun = time.perf_counter()
    render(board(width, height, seconds, seed, camera), folder / "film.mp4")
    took_s = time.perf_counter() - begun
    sys.stdout.write(json.dumps({"took_s": took_s, "peak_bytes": peak_bytes()}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
