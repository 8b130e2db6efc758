"""Small real films to stand for what a model makes."""

from pathlib import Path

import av
import numpy as np


def write_clip(to: Path, *, seconds: float = 1, fps: int = 24, width: int = 320, height: int = 180) -> Path:
    """A grey H.264 film of that length, without sound."""
    with av.open(str(to), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(round(seconds * fps)):
            picture = np.full((height, width, 3), 40 + index % 100, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return to
