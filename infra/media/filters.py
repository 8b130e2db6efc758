"""Chains of FFmpeg's filters, which frames go through one after the other."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import av
from av.filter import Graph


def new_graph() -> Graph:
    """Return an empty graph that works in one thread."""
    graph = Graph()
    graph.threads = 1  # slices of a small picture cost more than they save
    return graph


class FilterChain:
    """Frames go through a chain of FFmpeg's filters; it is built for the first frame."""

    def __init__(self, graph: Graph, source: Any, filters: Sequence[tuple[str, str]]) -> None:
        node = source
        for name, arguments in filters:
            following = graph.add(name, arguments)
            node.link_to(following)
            node = following
        graph.configure()
        self._graph = graph

    def push(self, frame: Any) -> Iterator[Any]:
        """Yield what comes out. None is the end of the stream."""
        self._graph.push(frame)
        while True:
            try:
                yield self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return


def filter_sound(frames: Iterable[av.AudioFrame], filters: Sequence[tuple[str, str]]) -> Iterator[av.AudioFrame]:
    """Yield the frames as they come out of the filters. Each frame has its time."""
    chain: FilterChain | None = None
    for frame in frames:
        if chain is None:
            graph = new_graph()
            chain = FilterChain(graph, sound_source(graph, frame), [*filters, ("abuffersink", "")])
        yield from chain.push(frame)
    if chain is not None:
        yield from chain.push(None)


def sound_source(graph: Graph, frame: av.AudioFrame) -> Any:
    """Return a source of a graph for frames like this one."""
    return graph.add_abuffer(
        sample_rate=frame.sample_rate,
        format=frame.format.name,
        layout=frame.layout.name,
        time_base=frame.time_base,
    )
