"""What a call of a port is about, in words that are the same in every run: no ids, no times, no random names."""

from typing import Any

from schemas.domain.delivery import WebhookDelivery
from schemas.domain.film import Film
from schemas.domain.job import Job
from schemas.ports import Subscription


class Labels:
    """Names calls. It remembers the state of the jobs that went by, so that a write can be named by its step."""

    def __init__(self) -> None:
        self._states: dict[str, str] = {}

    def of(self, call: str, arguments: tuple[Any, ...]) -> str:
        """`jobs.save queued→submitting`, for example."""
        about = self._about(call, arguments)
        return f"{call} {about}" if about else call

    def learn(self, answer: Any) -> None:
        """An answer of a store tells where its job or its film stands."""
        if isinstance(answer, Job):
            self._states[answer.job_id] = answer.state.value
        if isinstance(answer, Film):
            self._states[answer.film_id] = answer.state.value

    def _about(self, call: str, arguments: tuple[Any, ...]) -> str:
        first = arguments[0] if arguments else None
        if call == "jobs.save":
            return f"{self._states.get(first.job_id)}→{first.state.value}" if isinstance(first, Job) else ""
        if isinstance(first, Film):
            return f"{self._states.get(first.film_id)}→{first.state.value}"
        if isinstance(first, WebhookDelivery):
            return f"{first.state.value} after {first.tries}"
        if isinstance(first, Subscription):
            return place_of(first)
        if call.startswith("videos."):
            return str(first).partition("/")[0]
        if call == "model.submit":
            return f"clip {arguments[1].index}"
        return str(first) if call == "bus.publish" else ""


def place_of(subscription: Subscription) -> str:
    """A process's own subscription has a random name."""
    return f"own-{subscription.topic}" if subscription.ephemeral else subscription.name
