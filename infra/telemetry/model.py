"""The video model and the editor in spans."""

import time
from collections.abc import Sequence
from pathlib import Path

from opentelemetry.trace import SpanKind

from infra.telemetry.meters import Meters
from infra.telemetry.spans import Attributes, Tracer, error_type_of, present_span, size_of
from schemas.domain.clip import Clip, Plan
from schemas.ports import Answer, Editor, Probe, VideoModel
from schemas.wire.request import VideoRequest


class TracedModel:
    """A `VideoModel` that does what the model inside it does."""

    def __init__(self, model: VideoModel, provider: str, tracer: Tracer, meters: Meters) -> None:
        self._model, self._provider = model, provider
        self._tracer, self._meters = tracer, meters

    @property
    def poll_every_s(self) -> float:
        return self._model.poll_every_s

    async def prepare(self) -> None:
        await self._model.prepare()

    def plan(self, request: VideoRequest) -> Plan:
        return self._model.plan(request)

    def makes(self, model: str) -> bool:
        return self._model.makes(model)

    async def submit(
        self, request: VideoRequest, clip: Clip, sources: Sequence[str], *, send_before: float, previous: str = ""
    ) -> str:
        """Submit in a span, which ends with the answer. The request itself is not changed."""
        about = {
            "gen_ai.operation.name": "generate_video",
            "gen_ai.provider.name": self._provider,
            "gen_ai.request.model": clip.planned.model,
        }
        more: Attributes = {
            "gen_ai.output.type": "video",
            "reelbus.clip.index": clip.index,
            "reelbus.clip.attempt": clip.attempt,
        }
        began = time.monotonic()
        span = self._tracer.begin(f"generate_video {clip.planned.model}", SpanKind.CLIENT, {**about, **more})
        try:
            with span:
                operation = await self._model.submit(request, clip, sources, send_before=send_before, previous=previous)
                span.add({"gen_ai.response.id": operation})
        except Exception as error:
            about["error.type"] = error_type_of(error)
            raise
        finally:
            self._meters.add("gen_ai.client.operation.duration", time.monotonic() - began, about)
        return operation

    async def poll(self, operation: str, *, request: VideoRequest | None = None) -> Answer:
        """Poll. A generation of minutes has many polls, so that each is an event of the job's span and no span."""
        answer = await self._model.poll(operation, request=request)
        if span := present_span():
            span.add_event("polled", {"reelbus.answer": type(answer).__name__})
        return answer

    async def recover(self, prefix: str) -> Sequence[str]:
        return await self._model.recover(prefix)

    async def discard(self, operation: str) -> None:
        await self._model.discard(operation)


class TracedEditor:
    """An `Editor` that does what the editor inside it does."""

    def __init__(self, editor: Editor, tracer: Tracer) -> None:
        self._editor, self._tracer = editor, tracer

    async def assemble(self, clips: Sequence[Path], *, duration_seconds: int, to: Path) -> Probe:
        with self._tracer.begin("assemble", SpanKind.INTERNAL) as span:
            probe = await self._editor.assemble(clips, duration_seconds=duration_seconds, to=to)
            span.add({"reelbus.bytes": size_of(to)})
            return probe

    async def keep(self, clips: Sequence[Path], *, to: Path, defect: str) -> Probe:
        return await self._editor.keep(clips, to=to, defect=defect)

    async def measure(self, clip: Path) -> float:
        return await self._editor.measure(clip)

    async def poster(self, video: Path, to: Path) -> None:
        await self._editor.poster(video, to)

    async def probe(self, video: Path) -> Probe:
        return await self._editor.probe(video)
