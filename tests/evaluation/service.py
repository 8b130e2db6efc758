"""The evaluation service on the wire: gRPC, with Google's own messages, scripted answers and a list of what came."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.cloud.aiplatform_v1beta1 import (
    EvaluateInstancesRequest,
    EvaluateInstancesResponse,
    GenerateInstanceRubricsRequest,
    GenerateInstanceRubricsResponse,
)

SERVICE = "google.cloud.aiplatform.v1beta1.EvaluationService"
EVALUATE, RUBRICS = "EvaluateInstances", "GenerateInstanceRubrics"
ASKED = ("a red kite", "a beach")
_MESSAGES: dict[str, Any] = {EVALUATE: EvaluateInstancesRequest, RUBRICS: GenerateInstanceRubricsRequest}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One scripted answer; without a status, the video shows the first question only."""

    status: grpc.StatusCode | None = None
    words: str = ""
    score: float | None = 0.5
    hangs: bool = False
    waits: bool = False
    """It comes once `go_on` is set."""
    raw: bytes | None = None
    error: tuple[int, str] | None = None
    """The code of gRPC and the words of an error in the result."""


@dataclass(frozen=True)
class Call:
    """One call that came."""

    method: str
    body: dict[str, Any]
    token: str | None

    @property
    def metric(self) -> str:
        spec = self.body["metrics"][0]["predefined_metric_spec"] if self.method == EVALUATE else None
        return str((spec or self.body["predefined_rubric_generation_spec"])["metric_spec_name"])


@dataclass
class EvaluationService:
    """The service. `answers` are of evaluations, in order; then every video is scored 0.5."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    answers: deque[Answer] = field(default_factory=deque)
    rubric_answers: deque[Answer] = field(default_factory=deque)
    unknown_metrics: set[str] = field(default_factory=set)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    came: asyncio.Condition = field(default_factory=asyncio.Condition)

    def of(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    async def wait_for(self, method: str, count: int) -> None:
        """Wait until so many calls of this method came."""
        async with asyncio.timeout(60), self.came:
            await self.came.wait_for(lambda: len(self.of(method)) >= count)

    async def answer(self, method: str, data: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        metadata = dict(context.invocation_metadata() or ())
        message = _MESSAGES[method].deserialize(data)
        body = type(message).to_dict(message, preserving_proto_field_name=True)
        call = Call(method, body, str(metadata["authorization"]) if "authorization" in metadata else None)
        async with self.came:
            self.calls.append(call)
            self.came.notify_all()
        answers = self.answers if method == EVALUATE else self.rubric_answers
        if call.metric in self.unknown_metrics:
            answer = Answer(
                status=grpc.StatusCode.INVALID_ARGUMENT, words=f"{call.metric} is not supported in this location."
            )
        else:
            answer = answers.popleft() if answers else Answer()
        if answer.hangs:
            await asyncio.Event().wait()
        if answer.waits:
            await self.go_on.wait()
        if answer.status is not None:
            await context.abort(answer.status, answer.words)
        if answer.raw is not None:
            return answer.raw
        return _rubrics() if method == RUBRICS else _result(answer, body)


def _rubrics() -> bytes:
    rows = [{"rubric_id": f"r{n}", "content": {"property": {"description": text}}} for n, text in enumerate(ASKED)]
    return bytes(GenerateInstanceRubricsResponse.serialize(GenerateInstanceRubricsResponse(generated_rubrics=rows)))


def _result(answer: Answer, body: dict[str, Any]) -> bytes:
    groups = list(body["instance"].get("rubric_groups", {}).values())
    asked = groups[0]["rubrics"] if groups else [{"content": {"property": {"description": "made for this video"}}}]
    verdicts = [
        {
            "evaluated_rubric": {"content": {"property": {"description": each["content"]["property"]["description"]}}},
            "verdict": number == 0,
            "reasoning": "It is seen." if number == 0 else "",
        }
        for number, each in enumerate(asked)
    ]
    result: dict[str, Any] = {"rubric_verdicts": verdicts}
    if answer.error:
        result = {"error": {"code": answer.error[0], "message": answer.error[1]}}
    elif answer.score is not None:
        result["score"] = answer.score
    return bytes(EvaluateInstancesResponse.serialize(EvaluateInstancesResponse(metric_results=[result])))


@asynccontextmanager
async def open_service(tls: grpc.ServerCredentials | None = None) -> AsyncIterator[EvaluationService]:
    """Serve on a free port of this machine."""
    service = EvaluationService()
    server = grpc.aio.server()

    def handler_of(method: str) -> Any:
        async def handle(data: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
            return await service.answer(method, data, context)

        unary: Callable[..., Awaitable[bytes]] = handle
        return grpc.unary_unary_rpc_method_handler(unary)

    handlers = {method: handler_of(method) for method in _MESSAGES}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_secure_port("localhost:0", tls) if tls else server.add_insecure_port("localhost:0")
    await server.start()
    service.url = f"{'https' if tls else 'http'}://localhost:{port}"
    try:
        yield service
    finally:
        await server.stop(None)
