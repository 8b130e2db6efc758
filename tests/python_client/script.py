"""Flows without a transport: a test gives the answer to each step, and sees the steps."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from reelbus_client.steps import Answer, Call, Flow, Pause

T = TypeVar("T")
Given = Answer | BaseException


class Script:
    """Performs a flow: each call gets the next answer or error; a pause takes no time."""

    def __init__(self, *answers: Given) -> None:
        self._answers: Iterator[Given] = iter(answers)
        self.calls: list[Call] = []
        self.pauses: list[float] = []

    def run(self, flow: Flow[T]) -> T:
        try:
            step = next(flow)
            while True:
                answer = self._answer(step)
                step = flow.throw(answer) if isinstance(answer, BaseException) else flow.send(answer)
        except StopIteration as end:
            assert not list(self._answers), "not all answers were asked for"
            result: T = end.value
            return result

    def said(self) -> list[str]:
        """The calls, as one would write them down."""
        return [f"{call.method} {call.path}" for call in self.calls]

    def bodies(self) -> Iterable[dict[str, Any]]:
        """The bodies of the calls that have one."""
        return [json.loads(call.body) for call in self.calls if call.body is not None]

    def _answer(self, step: Call | Pause) -> Given:
        if isinstance(step, Pause):
            self.pauses.append(step.seconds)
            return Answer()
        self.calls.append(step)
        return next(self._answers)


def answer(status: int, body: dict[str, Any] | str = "", *, retry_after: str | None = None) -> Answer:
    content = body if isinstance(body, str) else json.dumps(body)
    return Answer(status, "Reason", content.encode(), retry_after)


def view(video_id: str, state: str, **more: Any) -> dict[str, Any]:
    """A job as the facade shows it."""
    at = "2026-01-31T12:00:00.000Z"
    base = {
        "video_id": video_id,
        "state": state,
        "life": 1,
        "progress": 1.0,
        "prompt": "A paper boat on a city river",
        "duration_seconds": 3,
        "quality": "fast",
        "aspect_ratio": "16:9",
        "resolution": "720p",
        "created_at": at,
        "timings": {"created_at": at, "ended_at": at},
        "history": [{"state": state, "at": at}],
        "clips": [],
        "billed_seconds": 0,
        "cost_usd": 0,
        "charged": "no",
        "width": 1280,
        "height": 720,
        "gcs_path": "generated-videos/boat.mp4",
        "video_url": "http://localhost:8000/videos/generated-videos/boat.mp4",
    }
    return {**base, **more}


def failed(category: str, code: str, **more: Any) -> dict[str, Any]:
    """The body of an answer that is an error."""
    error = {"category": category, "code": code, "message": f"it is {code}", "retryable": False, "charged": "no"}
    return {"success": False, "detail": f"Detail: {code}", "error": {**error, **more.pop("error", {})}, **more}
