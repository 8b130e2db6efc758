"""Real H.264/AAC films of an exact length, 24 frames a second as Veo's: one second is encoded, the rest repeats it."""

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np

FPS = 24
RATE_HZ = 48_000
_SIZES = {"360p": 360, "720p": 720, "1080p": 1080, "4k": 2160}
_X264 = {"preset": "ultrafast", "bf": "0", "g": str(FPS)}


def frame_size(aspect_ratio: str, resolution: str) -> tuple[int, int]:
    """Width and height."""
    short = _SIZES[resolution]
    long = short * 16 // 9
    return (long, short) if aspect_ratio == "16:9" else (short, long)


@cache
def film(seconds: int, width: int, height: int, *, audio: bool) -> bytes:
    """The bytes of a film."""
    with TemporaryDirectory(prefix="vertex-") as folder:
        one, all_of_it = Path(folder) / "one.mp4", Path(folder) / "film.mp4"
        one.write_bytes(_one_second(width, height))
        _repeat(one, seconds, all_of_it, audio=audio)
        return all_of_it.read_bytes()


def _repeat(one: Path, seconds: int, to: Path, *, audio: bool) -> None:
    with av.open(str(one)) as source, av.open(str(to), "w", options={"movflags": "+faststart"}) as container:
        video = container.add_stream_from_template(source.streams.video[0])
        sound = container.add_stream("aac", rate=RATE_HZ, layout="stereo") if audio else None
        for packet in _packets(source, seconds):
            packet.stream = video
            container.mux(packet)
        if sound:
            for frame in (*_silence(seconds), None):
                container.mux(sound.encode(frame))


def _packets(source: "av.container.InputContainer", seconds: int) -> Iterator["av.Packet[av.VideoStream]"]:
    for second in range(seconds):
        source.seek(0)
        for packet in source.demux(video=0):
            if packet.pts is not None and packet.dts is not None and packet.time_base:
                packet.pts += round(second / packet.time_base)
                packet.dts += round(second / packet.time_base)
                yield packet


@cache
def _one_second(width: int, height: int) -> bytes:
    with TemporaryDirectory(prefix="vertex-") as folder:
        path = Path(folder) / "one.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=FPS, options=_X264)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for index in range(FPS):
                container.mux(stream.encode(_picture(index, width, height)))
            container.mux(stream.encode(None))
        return path.read_bytes()


def _picture(index: int, width: int, height: int) -> av.VideoFrame:
    picture = np.full((height, width, 3), (40, 70, 110), dtype=np.uint8)
    edge = width * (index + 1) // FPS
    picture[height // 3 : height * 2 // 3, :edge] = (230, 180, 60)
    return av.VideoFrame.from_ndarray(picture, format="rgb24")


def _silence(seconds: int) -> Iterator[av.AudioFrame]:
    for start in range(0, seconds * RATE_HZ, 1024):
        size = min(1024, seconds * RATE_HZ - start)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, size), dtype=np.float32), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, start, Fraction(1, RATE_HZ)
        yield frame
