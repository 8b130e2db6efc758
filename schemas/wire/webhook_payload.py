"""What a webhook receives, as models: for the AsyncAPI document, and for receivers in Python.

`schemas.wire.webhook.build_body` writes it. Tests read what it wrote with these models.
"""

from typing import Any, Literal

from pydantic import ConfigDict, Field

from schemas.versioning import Stored
from schemas.wire.completion import Completion
from schemas.wire.film import FilmCompletion
from schemas.wire.types import Moment


class WebhookData(Completion):
    """The completion of the job. Its request is left out if the whole would be larger than 20 kB."""

    model_config = ConfigDict(title="WebhookData")

    video_id: str = Field(description="The id of the job as its caller chose it.")


class WebhookFilmData(FilmCompletion):
    """The completion of the film. `titles`, then `scenes` are left out if the whole would be larger than 20 kB."""

    model_config = ConfigDict(title="WebhookFilmData")

    film_id: str = Field(description="The id of the film as its caller chose it; for an endpoint the stored id.")


class _Payload(Stored):
    specversion: Literal["1.0"] = Field(description="The version of CloudEvents.")
    id: str = Field(description="The `ce-id` of the completion. The header `webhook-id` has it with `-` for each dot.")
    source: Literal["reelbus"]
    time: Moment
    timestamp: Moment = Field(description="The same moment, under the name that Standard Webhooks has for it.")
    datacontenttype: Literal["application/json"]
    statusurl: str = Field(
        description="Answers with the job or the film, and with an address of its video that has not expired."
    )


class WebhookPayload(_Payload):
    """A payload of Standard Webhooks and a CloudEvent in one object: how a job ended."""

    model_config = ConfigDict(title="WebhookPayload")

    type: str = Field(description="`reelbus.video.succeeded.v1`, `.failed.v1`, `.cancelled.v1` or `.expired.v1`.")
    data: WebhookData


class WebhookFilmPayload(_Payload):
    """A payload of Standard Webhooks and a CloudEvent in one object: how a revision of a film ended."""

    model_config = ConfigDict(title="WebhookFilmPayload")

    type: str = Field(description="`reelbus.film.succeeded.v1`, `.held.v1`, `.failed.v1` or `.cancelled.v1`.")
    data: WebhookFilmData


class WebhookTestPayload(_Payload):
    """The event that `POST /api/webhooks/test` posts: it is about no job."""

    model_config = ConfigDict(title="WebhookTestPayload")

    type: Literal["reelbus.webhook.test.v1"]
    data: dict[str, Any] = Field(description="Empty.")
