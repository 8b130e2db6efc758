"""The operations about batches."""

from publisher.batches.request import BATCH_ID_PATTERN
from publisher.facade.openapi_parts import (
    BODY_REFUSED,
    FAILED,
    REFUSED,
    UNAVAILABLE,
    Answer,
    Operation,
    Parameter,
    error_answer,
)

_KEY = Parameter(
    name="Idempotency-Key",
    place="header",
    words="Names the batch, as `batch_id` in the body does.",
    schema={"pattern": "^[\\x21-\\x7e]{1,255}$"},
)
_BATCH_ID = Parameter(name="batch_id", place="path", words="The id of the batch.", schema={"pattern": BATCH_ID_PATTERN})
_INVALID = error_answer("Invalid request; `error.field` names its place, for example `requests.3.prompt`.")
_REUSED = error_answer("The id is already used by a batch with other contents, or by a job.")
_MONEY = error_answer("The batch would cost more than `max_cost_usd` or a budget allows, or as with any call.")
_LINKS = (("getBatch", "batch_id", "batch_id"),)

BATCH_OPERATIONS = (
    Operation(
        method="post",
        path="/api/videos/batch",
        name="orderBatch",
        summary="Order up to 100 videos: all of them become jobs, or none. The same batch again gets the same jobs.",
        takes="BatchRequest",
        guarded=True,
        scopes=("submit",),
        parameters=(_KEY,),
        answers={
            200: Answer(words="The batch was ordered before, and has ended.", model="BatchView", links=_LINKS),
            202: Answer(
                words="The batch. Its jobs go on.",
                model="BatchView",
                headers=("Location", "Retry-After"),
                links=_LINKS,
            ),
            400: _INVALID,
            401: REFUSED[401],
            403: _MONEY,
            409: _REUSED,
            **BODY_REFUSED,
            421: REFUSED[421],
            429: error_answer("The caller has no room in the queue for the whole batch.", "Retry-After"),
            500: FAILED,
            503: UNAVAILABLE,
        },
    ),
    Operation(
        method="post",
        path="/api/videos/batch/plan",
        name="planBatch",
        summary="What a batch with this body would cost, and what would refuse it. Nothing is written.",
        takes="BatchRequest",
        guarded=True,
        scopes=("submit",),
        parameters=(_KEY,),
        answers={
            200: Answer(words="The plan.", model="BatchPlan"),
            400: _INVALID,
            409: _REUSED,
            **BODY_REFUSED,
            **REFUSED,
            500: FAILED,
            503: UNAVAILABLE,
        },
    ),
    Operation(
        method="get",
        path="/api/videos/batch/{batch_id}",
        name="getBatch",
        summary="Show a batch: how many jobs are in each state, and each job.",
        guarded=True,
        scopes=("read", "operate"),
        parameters=(
            _BATCH_ID,
            Parameter(
                name="caller",
                place="query",
                words="The caller that ordered the batch; with the scope `operate`.",
                schema={"minLength": 1, "maxLength": 320},
            ),
        ),
        answers={
            200: Answer(words="The batch.", model="BatchView"),
            400: error_answer("A parameter is not known."),
            **REFUSED,
            404: error_answer("No such batch."),
            500: FAILED,
            503: UNAVAILABLE,
        },
    ),
)
