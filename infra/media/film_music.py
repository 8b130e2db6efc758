"""The music under a film: repeated or cut to its length, with fades, and lower while a scene is heard."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np

from infra.media.filters import new_graph, sound_source
from infra.media.loudness import measure_loudness, to_frames
from infra.media.transcode import SAMPLE_RATE_HZ, Samples
from schemas.ports import FilmMusicBed

_BYTES_PER_SAMPLE = 4
"""Two channels of 16 bits."""
_SEAM_SAMPLES = SAMPLE_RATE_HZ // 200
"""Where the file begins again it is silent for a moment, so that no click is heard: 5 ms out, and 5 ms in."""
_BLOCK_SAMPLES = 4096
_DUCKS_BELOW_LU = 18.0
"""Sound that is quieter than the scenes by more than this lowers no music."""
_LOUDNESS_IF_ANY_LUFS = -22.0
"""What is taken for the loudness of scenes that stay as they are."""
_COMPRESSOR = "ratio=4:attack=20:release=400:detection=rms"
"""A scene that is as loud as the film lowers the music by about 13 dB, and a pause between two words does not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MusicTrack:
    """Decoded music for a film of `length` samples."""

    samples: Path
    """As `infra.media.music` writes them."""
    bed: FilmMusicBed
    length: int

    def gain_db(self, target_lufs: float | None) -> float:
        """Return the gain of the file. Music that is not normalised, or silent, gets what its caller asked for."""
        if target_lufs is None:
            return self.bed.gain_db
        with self.samples.open("rb") as file:
            found = measure_loudness(to_frames(_read_blocks(file)))
        return self.bed.gain_db if found.lufs is None else self.bed.gain_db + target_lufs - found.lufs

    def play_under(self, blocks: Iterable[Samples], gain_db: float, target_lufs: float | None) -> Iterator[Samples]:
        """Yield the sound of the scenes with the music."""
        with self.samples.open("rb") as file:
            player = _Player(file, self, 10 ** (gain_db / 20))
            pairs = ((block, player.take(block.shape[1])) for block in blocks)
            if self.bed.ducks:
                lufs = _LOUDNESS_IF_ANY_LUFS if target_lufs is None else target_lufs
                yield from _duck(pairs, 10 ** ((lufs - _DUCKS_BELOW_LU) / 20))
            else:
                yield from (block + music for block, music in pairs)


class _Player:
    """Plays a file again and again."""

    def __init__(self, file: BinaryIO, track: MusicTrack, factor: float) -> None:
        self._file, self._factor, self._length = file, np.float32(factor), track.length
        self._file_samples = track.samples.stat().st_size // _BYTES_PER_SAMPLE
        self._fade = min(track.bed.fade_ms * SAMPLE_RATE_HZ // 1000, track.length // 2)
        self._position = 0

    def take(self, samples: int) -> Samples:
        """Return the next samples."""
        parts, missing = list[Samples](), samples
        while missing:
            at = self._position % self._file_samples
            part = _read(self._file, min(missing, self._file_samples - at), at)
            parts.append(part * self._volume(at, part.shape[1]))
            self._position += part.shape[1]
            missing -= part.shape[1]
        return np.concatenate(parts, axis=1)

    def _volume(self, at: int, samples: int) -> Any:
        """Return the volume of samples from this place in the file on."""
        steps = np.arange(samples) + 0.5
        place, moment = at + steps, self._position + steps
        ramps = [place / _SEAM_SAMPLES, (self._file_samples - place) / _SEAM_SAMPLES]
        if self._fade:
            ramps += [moment / self._fade, (self._length - moment) / self._fade]
        return self._factor * np.clip(np.minimum.reduce(ramps), 0, 1).astype(np.float32)


def _read(file: BinaryIO, samples: int, at: int) -> Samples:
    file.seek(at * _BYTES_PER_SAMPLE)
    found = np.frombuffer(file.read(samples * _BYTES_PER_SAMPLE), "<i2").reshape(-1, 2).T
    return found.astype(np.float32) / np.float32(32768)


def _read_blocks(file: BinaryIO) -> Iterator[Samples]:
    at = 0
    while (block := _read(file, _BLOCK_SAMPLES, at)).shape[1]:
        at += block.shape[1]
        yield block


def _duck(pairs: Iterable[tuple[Samples, Samples]], threshold: float) -> Iterator[Samples]:
    """Yield both sounds together. The first one lowers the second one while it is above the threshold."""
    graph: Any = new_graph()
    scenes, music = (sound_source(graph, next(to_frames([np.zeros((2, 1), np.float32)]))) for _ in range(2))
    split, both = graph.add("asplit", "2"), graph.add("amix", "inputs=2:normalize=false")
    compressor = graph.add("sidechaincompress", f"threshold={threshold}:{_COMPRESSOR}")
    shape, sink = graph.add("aformat", "sample_fmts=fltp:channel_layouts=stereo"), graph.add("abuffersink")
    scenes.link_to(split)
    split.link_to(both, 0, 0)
    music.link_to(compressor, 0, 0)
    split.link_to(compressor, 1, 1)
    compressor.link_to(both, 0, 1)
    both.link_to(shape)
    shape.link_to(sink)
    graph.configure()
    position = 0
    for scene_block, music_block in pairs:
        for source, block in ((scenes, scene_block), (music, music_block)):
            frame = next(to_frames([block]))
            frame.pts = position
            source.push(frame)
        position += scene_block.shape[1]
        yield from _pull(sink)
    for source in (scenes, music):
        source.push(None)
    yield from _pull(sink)


def _pull(sink: Any) -> Iterator[Samples]:
    while True:
        try:
            yield sink.pull().to_ndarray()
        except (av.BlockingIOError, av.EOFError):
            return
