"""The sound of a film: its scenes made equally loud, mixed, limited and encoded, one block after the other.

Nothing is kept: each scene is decoded once to be measured, and all of them again for each pass over the film. A pass
writes the encoded track, and that file is measured. So what is promised holds for what a player hears: loudness within
a third of a LU, and no true peak above the limit.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from threading import Event
from typing import Any

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.packet import Packet

from infra.media.clip import Clip
from infra.media.container import open_video, read_packets
from infra.media.film_music import MusicTrack
from infra.media.film_timeline import TimedScene
from infra.media.loudness import Loudness, limit_peaks, measure_file, measure_loudness, to_frames
from infra.media.music_reader import write_samples
from infra.media.transcode import SAMPLE_RATE_HZ, Samples, decode_audio, encode_blocks
from schemas.errors import Invalid, unavailable_of
from schemas.ports import FilmMusicBed, FilmSound, NotMusic

SAMPLE_RATE = Fraction(SAMPLE_RATE_HZ)
_MUSIC_WITHIN_S = 120.0
"""Half an hour of sound is decoded within some seconds."""

SOUND_IS_SILENT_BELOW_LUFS = -60.0
"""A scene without anything louder is noise, and is not raised. A quiet voice is 20 LU above that."""
_NEAR_ENOUGH_LU = 0.3
_MARGIN_DB = 0.5
"""What AAC at 192 kbit/s adds to limited peaks: 0.3 to 0.5 dB in syllables of noise, chords and drums. Noise that is
limited all the time gets 1.8 dB, and such a film another pass."""
_EXTRA_AT_MOST_DB = 6.0
"""What the limiter took is added again up to here. Clicks never get as loud as speech, only noisier."""
_PASSES = 5
_PASSES_AT_MOST = 8
_BLOCK_SAMPLES = 1024


def _gain_to_target(found: Loudness, sound: FilmSound) -> float:
    """Return by how much the sound is too quiet; 0 if nothing can or shall be done about it."""
    if sound.loudness_lufs is None or found.lufs is None or found.lufs < SOUND_IS_SILENT_BELOW_LUFS:
        return 0.0
    return sound.loudness_lufs - found.lufs


class SoundFiles:
    """What the sound of one film needs on the disk."""

    def __init__(self, folder: Path) -> None:
        self._samples = folder / "music.pcm"
        self.encoded = folder / "sound.mp4"

    async def decode_music(self, bed: FilmMusicBed, *, seconds: float) -> None:
        """Decode as much as a film of this length needs. Raises `Invalid`, `CallFailed`, and `LocalDisk`."""
        try:
            found = await write_samples(bed.file, self._samples, seconds=seconds, within_s=_MUSIC_WITHIN_S)
        except NotMusic as error:
            raise Invalid(f"the music {error}") from error
        except OSError as error:
            raise unavailable_of("the scratch folder", error) from error
        if not found:
            raise Invalid("nothing of the music can be decoded")

    def music_of(self, bed: FilmMusicBed, length: int) -> MusicTrack:
        """Return the music that was decoded, for a film of so many samples."""
        return MusicTrack(samples=self._samples, bed=bed, length=length)


@contextmanager
def open_sound(
    scenes: Sequence[TimedScene], files: SoundFiles, sound: FilmSound, stop: Event
) -> Iterator[InputContainer | None]:
    """Make the encoded sound of the film, and open it; None if it has neither sound nor music."""
    if not sound.music and not any(scene.clip.sound for scene in scenes):
        yield None
        return
    music = files.music_of(sound.music, scenes[-1].ticks.stop) if sound.music else None
    _FilmMix(scenes, sound, music, stop).write(files.encoded)
    with open_video(files.encoded) as container:
        yield container


def copy_track(source: InputContainer, to: OutputContainer) -> "Iterator[Packet[Any]]":
    """Yield the packets of the sound for another file."""
    track = source.streams.audio[0]
    output = to.add_stream_from_template(track)
    for packet in read_packets(source, track):
        if packet.size:
            packet.stream = output
            yield packet


class _FilmMix:
    """Writes the sound of these scenes, and of the music under them."""

    def __init__(self, scenes: Sequence[TimedScene], sound: FilmSound, music: MusicTrack | None, stop: Event) -> None:
        self._scenes, self._sound, self._music, self._stop = scenes, sound, music, stop
        self._ceiling_db = sound.true_peak_dbtp - _MARGIN_DB

    def write(self, to: Path) -> None:
        """Write an MP4 with the sound alone. Raises `InterruptedError`."""
        factors = [10 ** (self._gain_of(scene) / 20) for scene in self._scenes]
        music_db = self._music.gain_db(self._sound.loudness_lufs) if self._music else 0.0
        gain_db, ceiling_db = 0.0, self._ceiling_db
        for number in range(1, _PASSES_AT_MOST + 1):
            blocks = _play(self._scenes, factors)
            if self._music:
                blocks = self._music.play_under(blocks, music_db, self._sound.loudness_lufs)
            self._encode(blocks, to, gain_db, ceiling_db)
            found = measure_file(to)
            missing, over = _gain_to_target(found, self._sound), found.peak_dbtp - self._sound.true_peak_dbtp
            if over <= 0 and (abs(missing) <= _NEAR_ENOUGH_LU or number >= _PASSES):
                return
            # A quiet scene can fall out of the measure at a louder pass, and then the film has leaped: halve the steps.
            gain_db = min(gain_db + (missing if number == 1 else missing / 2), _EXTRA_AT_MOST_DB)
            ceiling_db -= over + 0.05 if over > 0 else 0

    def _gain_of(self, scene: TimedScene) -> float:
        """Return the gain in dB that makes a scene as loud as the film shall be, with its peaks limited."""
        if self._sound.loudness_lufs is None or scene.clip.sound is None:
            return 0.0
        found = measure_loudness(to_frames(self._until_stopped(_listen(scene))))
        gain_db = wanted = _gain_to_target(found, self._sound)
        if not wanted or found.peak_dbtp + wanted <= self._ceiling_db:
            return wanted
        for _ in range(_PASSES):
            frames = to_frames(_amplify(self._until_stopped(_listen(scene)), gain_db))
            missing = _gain_to_target(measure_loudness(limit_peaks(frames, self._ceiling_db)), self._sound)
            if abs(missing) <= _NEAR_ENOUGH_LU:
                break
            gain_db = min(gain_db + missing, wanted + _EXTRA_AT_MOST_DB)
        return gain_db

    def _encode(self, blocks: Iterable[Samples], to: Path, gain_db: float, ceiling_db: float) -> None:
        frames = to_frames(_amplify(self._until_stopped(blocks), gain_db))
        with av.open(str(to), "w", format="mp4") as container:
            for packet in encode_blocks(limit_peaks(frames, ceiling_db), container):
                container.mux(packet)

    def _until_stopped(self, blocks: Iterable[Samples]) -> Iterator[Samples]:
        for block in blocks:
            if self._stop.is_set():
                raise InterruptedError("the join was stopped")
            yield block


def _amplify(blocks: Iterable[Samples], gain_db: float) -> Iterator[Samples]:
    factor = np.float32(10 ** (gain_db / 20))
    for block in blocks:
        yield block * factor


def _listen(scene: TimedScene) -> Iterator[Samples]:
    """Yield the sound that the film has of a scene."""
    sound, missing = _SceneSound(scene), len(scene.ticks)
    while missing:
        block = sound.take(min(missing, _BLOCK_SAMPLES))
        missing -= block.shape[1]
        yield block
    sound.close()


def _play(scenes: Sequence[TimedScene], factors: Sequence[float]) -> Iterator[Samples]:
    """Yield the sound of the film in blocks. In a crossfade both scenes keep their power."""
    before: _SceneSound | None = None
    for scene, factor in zip(scenes, factors, strict=True):
        sound, tick = _SceneSound(scene, factor), scene.ticks.start
        while tick < scene.alone_until:
            stop = scene.alone_from if tick < scene.alone_from else scene.alone_until
            ticks = np.arange(tick, min(tick + _BLOCK_SAMPLES, stop))
            block = sound.take(len(ticks)) * scene.light_at(ticks)
            if tick < scene.alone_from and before:
                turn = scene.share_at(ticks) * np.pi / 2
                block = before.take(len(ticks)) * np.cos(turn) + block * np.sin(turn)
            yield block.astype(np.float32)
            tick += len(ticks)
        if before:
            before.close()
        before = sound
    if before:
        before.close()


class _SceneSound:
    """The sound of one scene, as many samples as are asked for."""

    def __init__(self, scene: TimedScene, factor: float = 1.0) -> None:
        skipped = scene.segment.trim_ms * SAMPLE_RATE_HZ // 1000
        self._factor = np.float32(factor)
        self._frames = self._decode(scene.clip, skipped + len(scene.ticks))
        self._held: Samples = np.zeros((2, 0), np.float32)
        while skipped:
            skipped -= self.take(min(skipped, _BLOCK_SAMPLES)).shape[1]

    def take(self, samples: int) -> Samples:
        """Return the next samples."""
        while self._held.shape[1] < samples:
            self._held = np.concatenate([self._held, next(self._frames)], axis=1)
        taken, self._held = self._held[:, :samples], self._held[:, samples:]
        return taken * self._factor

    def close(self) -> None:
        """Close the file."""
        self._frames.close()

    @staticmethod
    def _decode(clip: Clip, samples: int) -> Generator[Samples, None, None]:
        for frame in decode_audio(clip, samples):
            yield frame.to_ndarray().astype(np.float32)
