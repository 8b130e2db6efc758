"""Measure a finished video in one pass: FFmpeg's filters on a small picture, and its meters of loudness on the sound.

`measure` runs in a child process, see `infra.media.limited`. The picture is made 160 pixels long, which keeps the
whole within 1.5 times the time of decoding (`python -m bench checks`).
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from infra.media.container import decode, open_video, picture_in, read_packets, sounds_in
from infra.media.filters import FilterChain, new_graph, sound_source
from schemas.domain.checks import CheckRules, Measures, Span

Luma = npt.NDArray[np.float32]
"""Brightness from 0 to 255."""
Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]

PIXELS_AT_MOST = 8192 * 4320
_LONG_SIDE = 160
_FULL_RANGE = 2
_TO_LUMA = 2.55
"""The filter scdet reports a change in percent."""
_SILENT_DBTP = -120.0
_EDGE_ROWS = 3
_LIT_AT_AN_EDGE = 0.5
"""Share of a row: a picture ends at a bar in its whole width, and a dark border with a caption does not."""
_GAP_S = 0.1
"""A key frame changes the noise, and with it a frozen picture, for a moment."""
_ROUNDED_S = 1e-3
_EDGES = ("_start", "_end")
_SSIM_BLOCK = 8
_SSIM_C1, _SSIM_C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
"""The constants of the paper by Wang and others, 2004."""


def measure(video: Path, rules: CheckRules, reference: Path | None = None) -> Measures:
    """Decode the file once. Raises `ValueError` for a file in which nothing can be measured."""
    with open_video(video) as container:
        stream = picture_in(container)
        if stream is None or stream.width * stream.height > PIXELS_AT_MOST:
            raise ValueError("it has no picture of at most 8192 × 4320 pixels")
        picture, sound = PictureMeter(rules), SoundMeter(rules)
        heard = sounds_in(container)[:1]
        tracks: list[Any] = [stream, *heard]
        for track in tracks:
            track.thread_count = 1
        for packet in read_packets(container, *tracks):
            meter: PictureMeter | SoundMeter = picture if packet.stream.index == stream.index else sound
            for frame in decode(packet):
                meter.add(frame)
        picture.finish()
        sound.finish()
    if picture.first is None:
        raise ValueError("no frame of it can be decoded")
    letterbox, pillarbox = picture.bars()
    return Measures(
        seconds=picture.end,
        black=picture.spans.of("black", picture.end, rules.black_s),
        frozen=picture.spans.of("freezedetect.freeze", picture.end, rules.frozen_s),
        flicker=picture.flicker(),
        cuts=picture.cuts,
        letterbox=letterbox,
        pillarbox=pillarbox,
        has_sound=bool(heard) and sound.is_heard,
        silent=sound.spans.of("silence", sound.end, rules.silent_s),
        loudness_lufs=sound.loudness_lufs,
        true_peak_dbtp=sound.true_peak_dbtp,
        first_frame_ssim=None if reference is None else compare_with_image(picture.first, reference),
    )


@dataclass(slots=True)
class Spans:
    """The `…_start` and `…_end` marks that FFmpeg's detectors write into the metadata of frames."""

    begun: dict[str, list[float]] = field(default_factory=dict)
    ended: dict[str, list[float]] = field(default_factory=dict)

    def note(self, metadata: Mapping[str, str], origin: float) -> None:
        """Read the marks of one frame; `origin` is the time of the first frame."""
        for key, value in metadata.items():
            if key.endswith(_EDGES):
                name, _, edge = key.removeprefix("lavfi.").rpartition("_")
                edges = self.begun if edge == "start" else self.ended
                edges.setdefault(name, []).append(float(value) - origin)

    def of(self, name: str, end: float, least_s: float) -> list[Span]:
        """Return the parts of at least this length. A part without an end lasts until the end of the file."""
        starts, ends = self.begun.get(name, []), self.ended.get(name, [])
        joined: list[Span] = []
        for start, stop in zip(starts, [*ends, end][: len(starts)], strict=False):
            if joined and start - joined[-1][1] <= _GAP_S:
                joined[-1] = (joined[-1][0], stop)
            else:
                joined.append((start, stop))
        return [(start, stop) for start, stop in joined if stop - start >= least_s - _ROUNDED_S]


class PictureMeter:
    """Black, frozen and flickering parts, cuts and bars."""

    def __init__(self, rules: CheckRules) -> None:
        self._rules = rules
        self._chain: FilterChain | None = None
        self._size: tuple[int, int, str] | None = None
        self._origin = 0.0
        self._first: Bytes | None = None
        self._brightest: Bytes | None = None
        self._is_full_range = False
        self._means: list[float] = []
        self._changes: list[float] = []
        self._times: list[float] = []
        self.spans = Spans()
        self.cuts: list[tuple[float, float]] = []
        self.end = 0.0

    def add(self, frame: av.VideoFrame) -> None:
        size = (frame.width, frame.height, frame.format.name)
        if self._chain is None:
            self._chain, self._size = self._build_chain(frame), size
            self._origin = float(frame.time or 0.0)
        if size != self._size:
            raise ValueError("its picture changes the size")
        for seen in self._chain.push(frame):
            self._see(seen)

    def finish(self) -> None:
        """Take what the filters hold back; the last frame is shown for as long as the one before."""
        for seen in self._chain.push(None) if self._chain else ():
            self._see(seen)
        if len(self._times) > 1:
            self.end = self._times[-1] + (self._times[-1] - self._times[0]) / (len(self._times) - 1)

    @property
    def first(self) -> Luma | None:
        """The first frame; None if there is none."""
        return None if self._first is None else self._to_full_range(self._first)

    def bars(self) -> tuple[float, float]:
        """Return the share of the height, and of the width, that stays dark at both borders in every frame."""
        assert self._brightest is not None
        is_lit: Flags = self._to_full_range(self._brightest) > self._rules.bar_level
        return _bars(is_lit), _bars(is_lit.T)

    def flicker(self) -> list[Span]:
        """Return where, for a second, more than half of the frames turn the brightness round by a large step."""
        means, changes = np.array(self._means), np.array(self._changes)
        if len(means) < 3 or self.end <= 0:
            return []
        steps = np.diff(means)
        turns = np.zeros(len(means))
        turns[2:] = (steps[1:] * steps[:-1] < 0) & (changes[2:] > self._rules.flicker_level)
        window = max(3, round(len(means) / self.end))
        if window > len(means):
            return []
        inside = np.convolve(turns, np.ones(window), mode="valid") > window / 2
        spans: list[Span] = []
        for start in np.flatnonzero(inside):
            first, last = self._times[start], self._times[start + window - 1]
            if spans and first <= spans[-1][1]:
                spans[-1] = (spans[-1][0], last)
            else:
                spans.append((first, last))
        return spans

    def _build_chain(self, frame: av.VideoFrame) -> FilterChain:
        scale = _LONG_SIDE / max(frame.width, frame.height)
        width, height = (max(2, round(side * scale / 2) * 2) for side in (frame.width, frame.height))
        rules, graph = self._rules, new_graph()
        source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
        return FilterChain(
            graph,
            source,
            [
                ("scale", f"{width}:{height}:flags=fast_bilinear"),
                ("format", "yuv420p"),
                ("blackdetect", f"d={rules.black_s}:pix_th={rules.black_level}"),
                ("freezedetect", f"n={rules.frozen_noise_db}dB:d={rules.frozen_s}"),
                ("scdet", f"t={rules.cut_score}"),
                ("buffersink", ""),
            ],
        )

    def _see(self, frame: av.VideoFrame) -> None:
        metadata = dict(frame.metadata)
        at = float(frame.time or 0.0) - self._origin
        self.spans.note(metadata, self._origin)
        if "lavfi.scd.time" in metadata:
            self.cuts.append((round(at, 2), round(float(metadata["lavfi.scd.score"]), 1)))
        luma = _read_luma(frame)
        self._means.append(float(luma.mean()))
        self._changes.append(float(metadata.get("lavfi.scd.mafd", 0)) * _TO_LUMA)
        self._times.append(at)
        if self._brightest is None:
            self._first = self._brightest = luma
            self._is_full_range = frame.color_range == _FULL_RANGE
        self._brightest = np.maximum(self._brightest, luma)
        self.end = at

    def _to_full_range(self, luma: Bytes) -> Luma:
        wide = luma.astype(np.float32)
        return wide if self._is_full_range else np.clip((wide - 16) * (255 / 219), 0, 255)


class SoundMeter:
    """Silent parts, loudness and peaks."""

    def __init__(self, rules: CheckRules) -> None:
        self._rules = rules
        self._chain: FilterChain | None = None
        self._metadata: dict[str, str] = {}
        self._origin = 0.0
        self.spans = Spans()
        self.end = 0.0

    def add(self, frame: av.AudioFrame) -> None:
        if self._chain is None:
            graph = new_graph()
            source = sound_source(graph, frame)
            silence = f"n={self._rules.silent_db}dB:d={self._rules.silent_s}"
            filters = [("silencedetect", silence), ("ebur128", "metadata=1:peak=true"), ("abuffersink", "")]
            self._chain, self._origin = FilterChain(graph, source, filters), float(frame.time or 0.0)
        self.end = float(frame.time or 0.0) - self._origin + frame.samples / frame.sample_rate
        self._take(self._chain.push(frame))

    def finish(self) -> None:
        """Take what the filters hold back."""
        if self._chain:
            self._take(self._chain.push(None))

    @property
    def is_heard(self) -> bool:
        """True if a sample could be decoded."""
        return self._chain is not None

    @property
    def loudness_lufs(self) -> float | None:
        """The integrated loudness; -70 is silence."""
        value = self._metadata.get("lavfi.r128.I")
        return None if value is None or not math.isfinite(float(value)) else round(float(value), 1)

    @property
    def true_peak_dbtp(self) -> float | None:
        """The highest true peak of all channels. The filter reports it as a factor."""
        value = self._metadata.get("lavfi.r128.true_peak")
        if value is None:
            return None
        return round(20 * math.log10(float(value)), 1) if float(value) > 0 else _SILENT_DBTP

    def _take(self, frames: Iterator[av.AudioFrame]) -> None:
        for frame in frames:
            metadata = dict(frame.metadata)
            self.spans.note(metadata, self._origin)
            self._metadata |= metadata


def compare_with_image(luma: Luma, image: Path) -> float:
    """Return the mean SSIM of a picture and an image, which may be cut to its shape or be shown whole within it."""
    height, width = luma.shape
    with Image.open(image) as opened:
        upright = ImageOps.exif_transpose(opened).convert("L")
    cut = np.asarray(ImageOps.fit(upright, (width, height)), np.float32)
    whole = np.asarray(ImageOps.contain(upright, (width, height)), np.float32)
    top, left = (height - whole.shape[0]) // 2, (width - whole.shape[1]) // 2
    within = luma[top : top + whole.shape[0], left : left + whole.shape[1]]
    return round(max(_ssim(luma, cut), _ssim(within, whole)), 3)


def _ssim(one: Luma, other: Luma) -> float:
    """Return the mean structural similarity, in blocks of 8 × 8."""
    ours, theirs = _blocks(one), _blocks(other)
    if not len(ours):
        return 0.0
    mean_a, mean_b = ours.mean(axis=1), theirs.mean(axis=1)
    covariance = ((ours - mean_a[:, None]) * (theirs - mean_b[:, None])).mean(axis=1)
    alike = (2 * mean_a * mean_b + _SSIM_C1) * (2 * covariance + _SSIM_C2)
    most = (mean_a**2 + mean_b**2 + _SSIM_C1) * (ours.var(axis=1) + theirs.var(axis=1) + _SSIM_C2)
    return float((alike / most).mean())


def _blocks(luma: Luma) -> Luma:
    size = _SSIM_BLOCK
    rows, columns = (side // size for side in luma.shape)
    cut = luma[: rows * size, : columns * size].reshape(rows, size, columns, size)
    return cut.swapaxes(1, 2).reshape(rows * columns, size * size)


def _read_luma(frame: av.VideoFrame) -> Bytes:
    """Return the luma as it is stored: from 16 to 235, or from 0 to 255."""
    plane = frame.planes[0]
    rows: Bytes = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: frame.height, : frame.width]


def _bars(is_lit: Flags) -> float:
    """Return the share of the thinner of two dark borders of the rows, twice; 0 if they fade into the picture."""
    lit = np.flatnonzero(is_lit.any(axis=1))
    if not len(lit):
        return 0.0
    first, last, rows = int(lit[0]), int(lit[-1]), len(is_lit)
    edges = (is_lit[first : first + _EDGE_ROWS], is_lit[last + 1 - _EDGE_ROWS : last + 1])
    is_sharp = all(edge.mean(axis=1).max() >= _LIT_AT_AN_EDGE for edge in edges)
    return round(2 * min(first, rows - 1 - last) / rows, 3) if is_sharp else 0.0
