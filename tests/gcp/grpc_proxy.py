"""A gRPC server before an emulator, for what the emulator lacks: it answers some methods, and hands the rest on."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc

Answer = Callable[[bytes], bytes]
"""Turns the bytes of a request into those of an answer."""


class _Handler(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, behind: grpc.Channel, answers: Mapping[str, Answer]) -> None:
        self._behind, self._answers = behind, answers

    def service(self, details: Any) -> Any:
        method = details.method
        if answer := self._answers.get(method.rpartition("/")[2]):
            return grpc.unary_unary_rpc_method_handler(lambda request, _: answer(request))

        def hand_on(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
            shown = [(key, value) for key, value in context.invocation_metadata() if key != "user-agent"]
            try:
                yield from self._behind.stream_stream(method)(requests, metadata=shown)
            except grpc.RpcError as error:
                context.abort(error.code(), error.details())

        return grpc.stream_stream_rpc_method_handler(hand_on)


@contextmanager
def proxy_before(emulator: str, answers: Mapping[str, Answer]) -> Iterator[str]:
    """Yield the address of a proxy. `answers` are by the name of the method, such as `ListIndexes`."""
    threads = ThreadPoolExecutor(4, thread_name_prefix="grpc-proxy")
    with grpc.insecure_channel(emulator) as behind:
        server = grpc.server(threads, handlers=(_Handler(behind, answers),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"127.0.0.1:{port}"
        server.stop(None).wait()
    threads.shutdown()
