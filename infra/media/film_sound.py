"""The sound of a film: that of its scenes, mixed in blocks. A block of each scene that is heard is in memory."""

from collections.abc import Generator, Iterator, Sequence

import av
import numpy as np

from infra.media.clip import Clip
from infra.media.film_timeline import TimedScene
from infra.media.transcode import SAMPLE_RATE_HZ, Samples, decode_audio, to_frame

_BLOCK_SAMPLES = 1024


def play(scenes: Sequence[TimedScene]) -> Iterator[av.AudioFrame]:
    """Yield the sound of the film in blocks. In a crossfade both scenes keep their power."""
    before: _SceneSound | None = None
    for scene in scenes:
        sound, tick = _SceneSound(scene), scene.ticks.start
        while tick < scene.alone_until:
            stop = scene.alone_from if tick < scene.alone_from else scene.alone_until
            ticks = np.arange(tick, min(tick + _BLOCK_SAMPLES, stop))
            block = sound.take(len(ticks)) * scene.light_at(ticks)
            if tick < scene.alone_from and before:
                turn = scene.share_at(ticks) * np.pi / 2
                block = before.take(len(ticks)) * np.cos(turn) + block * np.sin(turn)
            yield to_frame(np.clip(block, -1, 1).astype(np.float32))
            tick += len(ticks)
        if before:
            before.close()
        before = sound
    if before:
        before.close()


class _SceneSound:
    """The sound of one scene, as many samples as are asked for."""

    def __init__(self, scene: TimedScene) -> None:
        skipped = scene.segment.trim_ms * SAMPLE_RATE_HZ // 1000
        self._frames = self._decode(scene.clip, skipped + len(scene.ticks))
        self._held: Samples = np.zeros((2, 0), np.float32)
        while skipped:
            skipped -= self.take(min(skipped, _BLOCK_SAMPLES)).shape[1]

    def take(self, samples: int) -> Samples:
        """Return the next samples."""
        while self._held.shape[1] < samples:
            self._held = np.concatenate([self._held, next(self._frames)], axis=1)
        taken, self._held = self._held[:, :samples], self._held[:, samples:]
        return taken

    def close(self) -> None:
        """Close the file."""
        self._frames.close()

    @staticmethod
    def _decode(clip: Clip, samples: int) -> Generator[Samples, None, None]:
        for frame in decode_audio(clip, samples):
            yield frame.to_ndarray().astype(np.float32)
