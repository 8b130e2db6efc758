"""A clip's picture at a steady rate and in one look, whatever the clip's own."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from av.filter import Graph
from av.video.stream import VideoStream

from infra.media.clip import Clip
from infra.media.container import not_playable, opened, read_frames
from infra.media.look import Look


def first_frame(clip: Clip) -> av.VideoFrame:
    """The first frame that is shown."""
    frame, _ = next(_timed_frames(clip))
    return frame


def watch(clip: Clip, look: Look, ticks: range, *, at: Fraction) -> Iterator[av.VideoFrame]:
    """One frame for each tick, for a clip that begins at the second `at`: what a player shows in the middle of a tick.

    The first frame is shown from the beginning if it comes late, and the last one is held.
    """
    tick, held, shown = ticks.start, None, None
    for frame, start in _timed_frames(clip):
        while held is not None and tick < ticks.stop and Fraction(2 * tick + 1, 2) / look.rate < at + start:
            shown = shown or look.dress(held, clip.picture)
            yield shown
            tick += 1
        held, shown = frame, None
        if tick >= ticks.stop:
            return
    if held is None:
        raise not_playable(clip.path, "no frame of it can be decoded")
    shown = look.dress(held, clip.picture)
    for _ in range(tick, ticks.stop):
        yield shown


def _timed_frames(clip: Clip) -> Iterator[tuple[av.VideoFrame, Fraction]]:
    """Each frame and when it comes, counted from where a player begins."""
    with opened(clip.path) as container:
        stream = container.streams[clip.picture.index]
        assert isinstance(stream, VideoStream)
        frames: Iterator[av.VideoFrame] = read_frames(container, stream)
        start = clip.picture.start
        for frame in _progressive(frames, stream) if clip.picture.interlaced else frames:
            base = frame.time_base or stream.time_base
            start = frame.pts * base if frame.pts is not None and base else start + clip.picture.step
            yield frame, start - clip.origin


def _progressive(frames: Iterator[av.VideoFrame], stream: VideoStream) -> Iterator[av.VideoFrame]:
    """Lines of two moments made into whole pictures."""
    graph = Graph()
    graph.link_nodes(graph.add_buffer(template=stream), graph.add("bwdif", "mode=send_frame"), graph.add("buffersink"))
    graph.configure()
    for frame in frames:
        graph.vpush(frame)
        yield from _pulled(graph)
    graph.vpush(None)
    yield from _pulled(graph)


def _pulled(graph: Any) -> Iterator[av.VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return
