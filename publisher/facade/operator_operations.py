"""The operations about money and trouble: plan, spend, replay, resolve, erase, dead letters, health."""

from publisher.access import Scope
from publisher.facade.openapi_parts import (
    BODY_REFUSED,
    FAILED,
    NO_JOB,
    REFUSED,
    UNAVAILABLE,
    VIDEO_ID,
    Answer,
    Operation,
    Parameter,
    error_answer,
)
from publisher.spend_report import DAYS_AT_MOST

_LETTER_ID = Parameter(
    name="letter_id", place="path", words="The id of the dead letter.", schema={"pattern": "^[A-Za-z0-9_.=-]{1,256}$"}
)
_NO_LETTER = error_answer("No such dead letter.")
_PAYMENT = error_answer("It would pay for clips: `price_usd` and `payments` say how much, and `pay` must agree.")
_CONFLICT = error_answer("The job changed during the call, or since it was looked at.")
_CAN_NOT = error_answer("The body is invalid, or it can't be done with this job.")
_OPERATOR: tuple[Scope, ...] = ("operate",)


_ALWAYS = {**REFUSED, 500: FAILED, 503: UNAVAILABLE}
_WITH_BODY = {**_ALWAYS, **BODY_REFUSED}

OPERATOR_OPERATIONS = (
    Operation(
        method="post",
        path="/api/videos/plan",
        name="planVideo",
        summary="Plan a video without making it: clips, price, time, and what would refuse it. Nothing is written.",
        guarded=True,
        scopes=("submit",),
        takes="VideoRequest",
        parameters=(
            Parameter(
                name="Idempotency-Key",
                place="header",
                words="As for a generate call.",
                schema={"pattern": "^[\\x21-\\x7e]{1,255}$"},
            ),
        ),
        answers={
            200: Answer(words="The plan.", model="VideoPlan"),
            400: error_answer("Invalid request; `error.field` names the field."),
            409: error_answer("The id is already used by a different request."),
            410: error_answer("The job of this id was erased."),
            **_WITH_BODY,
        },
    ),
    Operation(
        method="get",
        path="/api/spend",
        name="spend",
        summary="What the jobs that this key sees have cost, in all and by model, project, caller and day.",
        guarded=True,
        scopes=("read", "operate"),
        parameters=(
            Parameter(
                name="since",
                place="query",
                words=f"The first day, in UTC; by default that of this month, and at most {DAYS_AT_MOST} days ago.",
                schema={"format": "date"},
            ),
            Parameter(
                name="format", place="query", words="Without it, `Accept` decides.", schema={"enum": ["json", "csv"]}
            ),
        ),
        answers={
            200: Answer(words="The amounts.", model="SpendReport", media=("application/json", "text/csv")),
            400: error_answer("A parameter is invalid."),
            **_ALWAYS,
        },
    ),
    Operation(
        method="get",
        path="/api/videos/{video_id}/replay",
        name="quoteReplay",
        summary="What a replay of the job would pay for.",
        guarded=True,
        scopes=("submit", "operate"),
        parameters=(VIDEO_ID,),
        answers={
            200: Answer(words="The quote.", model="Quote"),
            404: NO_JOB,
            **_ALWAYS,
        },
    ),
    Operation(
        method="post",
        path="/api/videos/{video_id}/replay",
        name="replayVideo",
        summary="Queue a job that ended without a video again. Paid clips are used; others are paid only with `pay`.",
        guarded=True,
        scopes=("submit", "operate"),
        takes="ReplayRequest",
        parameters=(VIDEO_ID,),
        answers={
            200: Answer(words="The job, replayed or unchanged.", model="JobView"),
            400: _CAN_NOT,
            402: _PAYMENT,
            404: NO_JOB,
            409: _CONFLICT,
            **_WITH_BODY,
        },
    ),
    Operation(
        method="get",
        path="/api/videos/{video_id}/resolve",
        name="showDoubt",
        summary="The evidence about clips of which it is unknown whether they were charged.",
        guarded=True,
        scopes=_OPERATOR,
        parameters=(VIDEO_ID,),
        answers={
            200: Answer(words="The evidence.", model="Evidence"),
            400: error_answer("No clip is in doubt, or it was just sent."),
            404: NO_JOB,
            **_ALWAYS,
        },
    ),
    Operation(
        method="post",
        path="/api/videos/{video_id}/resolve",
        name="resolveVideo",
        summary="Decide about such a clip: it was charged, was not, or is sent again. A stored video is used instead.",
        guarded=True,
        scopes=_OPERATOR,
        takes="ResolveRequest",
        parameters=(VIDEO_ID,),
        answers={
            200: Answer(words="The job after the decision.", model="Resolved"),
            400: _CAN_NOT,
            402: _PAYMENT,
            404: NO_JOB,
            409: _CONFLICT,
            **_WITH_BODY,
        },
    ),
    Operation(
        method="get",
        path="/api/videos/{video_id}/erase",
        name="mayErase",
        summary="Whether the job can be erased now.",
        guarded=True,
        scopes=_OPERATOR,
        parameters=(VIDEO_ID,),
        answers={
            200: Answer(words="Yes, or why not.", model="ErasePreview"),
            404: NO_JOB,
            **_ALWAYS,
        },
    ),
    Operation(
        method="post",
        path="/api/videos/{video_id}/erase",
        name="eraseVideo",
        summary="Erase prompt, image and video of an ended job. It can't be undone; its cost stays.",
        guarded=True,
        scopes=_OPERATOR,
        takes="EraseRequest",
        parameters=(VIDEO_ID,),
        answers={
            200: Answer(words="What was erased.", model="Purge"),
            400: _CAN_NOT,
            404: NO_JOB,
            409: _CONFLICT,
            **_WITH_BODY,
        },
    ),
    Operation(
        method="get",
        path="/api/dead-letters",
        name="listDeadLetters",
        summary="List messages that are not delivered any more, the newest first.",
        guarded=True,
        scopes=_OPERATOR,
        parameters=(
            Parameter(
                name="limit",
                place="query",
                words="The most to list.",
                schema={"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
            ),
        ),
        answers={
            200: Answer(words="The dead letters.", model="DeadLetters"),
            400: error_answer("`limit` is invalid."),
            **_ALWAYS,
        },
    ),
    Operation(
        method="get",
        path="/api/dead-letters/{letter_id}",
        name="getDeadLetter",
        summary="Show a dead letter with its body, which may have a prompt, and what its replay would pay for.",
        guarded=True,
        scopes=_OPERATOR,
        parameters=(_LETTER_ID,),
        answers={
            200: Answer(words="The dead letter.", model="DeadLetterDetail"),
            404: _NO_LETTER,
            **_ALWAYS,
        },
    ),
    Operation(
        method="delete",
        path="/api/dead-letters/{letter_id}",
        name="dropDeadLetter",
        summary="Delete a dead letter. Its job stays unchanged, and ends by itself.",
        guarded=True,
        scopes=_OPERATOR,
        parameters=(_LETTER_ID,),
        answers={
            200: Answer(words="It is deleted.", model="DeadLetterDone"),
            404: _NO_LETTER,
            **_ALWAYS,
        },
    ),
    Operation(
        method="post",
        path="/api/dead-letters/{letter_id}/replay",
        name="replayDeadLetter",
        summary="Publish a dead letter again. Clips are paid only with `pay`.",
        guarded=True,
        scopes=_OPERATOR,
        takes="DeadLetterReplayRequest",
        parameters=(_LETTER_ID,),
        answers={
            200: Answer(words="It is published.", model="DeadLetterDone"),
            400: _CAN_NOT,
            402: _PAYMENT,
            404: _NO_LETTER,
            409: _CONFLICT,
            **_WITH_BODY,
        },
    ),
    Operation(
        method="get",
        path="/api/trouble",
        name="trouble",
        summary="Dead letters, doubtful submits, late clips and overdue jobs, and films that are held or failed.",
        guarded=True,
        scopes=_OPERATOR,
        answers={
            200: Answer(words="The lists.", model="Trouble"),
            **_ALWAYS,
        },
    ),
    Operation(
        method="get",
        path="/api/health/workers",
        name="workers",
        summary="Jobs by state, what waits, the workers seen and their pace with each model.",
        guarded=True,
        scopes=_OPERATOR,
        answers={
            200: Answer(words="The numbers.", model="Health"),
            **_ALWAYS,
        },
    ),
)
