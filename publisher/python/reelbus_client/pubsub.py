"""Requests straight onto the bus, by Google's client for Pub/Sub. Extra `pubsub`."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from google.api_core.exceptions import Forbidden, GoogleAPICallError, NotFound, Unauthenticated
from google.cloud.pubsub_v1 import PublisherClient
from pydantic import ValidationError

from reelbus_client.errors import ReelbusError, invalid, unreachable
from reelbus_client.models import CancelRequest, Failure, VideoRequest
from reelbus_client.requests import RequestFields, open_order, to_json

REQUESTS = "video-requests"
BATCH_REQUESTS = "video-requests-batch"
COMPLETIONS = "video-completions"
_MESSAGE_AT_MOST = 9_500_000
"""Pub/Sub allows 10 MB for a message with its attributes: an image of 7 MB, in base64."""
_LIFE_AT_MOST = 999_999_999
_LIMITS = frozenset({"ge", "le", "gt", "lt", "min_length", "max_length", "pattern"})
"""What errors of pydantic about a limit have in their context."""
_IMAGES = ("reference_image", "last_image", "reference_images")


class Publisher:
    """Publishes requests and cancels of one project. Threads may share it.

    How a job ends is on the topic `video-completions`: give a subscription of your own to `Inbox.receive`.
    """

    def __init__(self, project_id: str, *, client: PublisherClient | None = None) -> None:
        self._project_id = project_id
        self._client = client or PublisherClient()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection. Jobs go on."""
        self._client.stop()

    def submit(
        self,
        request: RequestFields,
        *,
        key: str | None = None,
        traceparent: str | None = None,
        timeout_s: float = 30.0,
    ) -> str:
        """Return the id of the job once its request is on the bus.

        The same call again after an error is the same job. After a crash of this process that is so if the request has
        a `job_id`, or the call the same `key`. Raises `ReelbusError`; a request that a worker would reject is refused.
        """
        with open_order(f"pubsub://{self._project_id}", request, key) as order:
            body = _check(VideoRequest, {**order.fields, "job_id": order.job_id})
            if not body.get("prompt") and not body.get("scene"):
                raise invalid("prompt", "is required, or a scene to build it from")
            # Workers of release 0.1.0 know neither `priority` nor `evaluate`, so their defaults are not sent.
            is_batch = body.get("priority") == "batch"
            if not is_batch:
                body.pop("priority", None)
            if not body.get("evaluate"):
                body.pop("evaluate", None)
            order.video_id = order.job_id
            attributes = _attributes("reelbus.video.requested.v1", order.job_id, order.job_id, traceparent)
            self._publish(BATCH_REQUESTS if is_batch else REQUESTS, body, attributes, timeout_s)
            return order.job_id

    def cancel(
        self, job_id: str, *, reason: str | None = None, life: int | None = None, timeout_s: float = 30.0
    ) -> None:
        """Publish the cancel of a job. A clip that the model has accepted by then stays charged.

        `life` is 1, and one more for each replay: with it a late cancel leaves a job alone that was replayed meanwhile.
        """
        body = _check(CancelRequest, {"job_id": job_id, "reason": reason})
        attributes = _attributes("reelbus.video.cancel.v1", f"{job_id}.cancel", job_id, None)
        if life is not None:
            if type(life) is not int or not 1 <= life <= _LIFE_AT_MOST:
                raise invalid("life", f"must be a whole number from 1 to {_LIFE_AT_MOST}, not {life!r}")
            attributes["life"] = str(life)
        self._publish(REQUESTS, body, attributes, timeout_s)

    def _publish(self, topic: str, body: dict[str, Any], attributes: dict[str, str], timeout_s: float) -> None:
        data = to_json(body)
        if len(data) > _MESSAGE_AT_MOST:
            largest = max(_IMAGES, key=lambda name: len(to_json({name: body.get(name)})))
            raise invalid(largest, "must have at most 7 MB on the bus; store it, and name its gs:// address")
        try:
            future = self._client.publish(self._client.topic_path(self._project_id, topic), data, **attributes)
            future.result(timeout=timeout_s)
        except NotFound as error:
            message = f"there is no topic {topic} in project {self._project_id}; `reelbus setup` makes what is needed"
            raise _to_error("upstream", "no_topic", message) from error
        except (Forbidden, Unauthenticated) as error:
            raise _to_error("auth", "permission_denied", f"Pub/Sub failed ({error.message})") from error
        except (GoogleAPICallError, TimeoutError) as error:
            raise unreachable(f"Pub/Sub failed ({str(error) or type(error).__name__})") from error


def _check(model: type[VideoRequest | CancelRequest], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields as they are sent. Raises `ReelbusError` for the first invalid one."""
    try:
        checked = model.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        words = (
            f"is not valid: {first['msg']}{_describe(first['input']) if _LIMITS & set(first.get('ctx', ())) else ''}"
        )
        raise invalid(".".join(map(str, first["loc"])), words) from error
    return checked.model_dump(mode="json", exclude_unset=True, exclude_none=True)


def _describe(given: object) -> str:
    """Return what was given beside the limit that a message names."""
    if isinstance(given, str | list | tuple | dict):
        return f"; its length is {len(given)}"
    return f", not {given}" if isinstance(given, int | float) else ""


def _to_error(category: str, code: str, message: str) -> ReelbusError:
    return ReelbusError(Failure(category=category, code=code, message=message), has_status=False)


def _attributes(kind: str, event_id: str, job_id: str, traceparent: str | None) -> dict[str, str]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "job_id": job_id,
        "ce-type": kind,
        "ce-source": "reelbus",
        "ce-id": event_id,
        "ce-specversion": "1.0",
        "ce-time": now,
        "traceparent": traceparent or f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00",
    }
