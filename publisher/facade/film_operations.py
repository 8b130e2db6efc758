"""The operations about films."""

from publisher.facade.openapi_parts import (
    BODY_REFUSED,
    FAILED,
    REFUSED,
    UNAVAILABLE,
    Answer,
    Operation,
    Parameter,
    error_answer,
    page_parameters,
)
from schemas.domain.film import FilmState
from schemas.wire.film import FILM_ID_PATTERN

_ALWAYS = {500: FAILED, 503: UNAVAILABLE}
_NO_FILM = error_answer("No such film.")
_LINKS = tuple((name, "film_id", "film_id") for name in ("getFilm", "cancelFilm"))
_FILM_ID = Parameter(
    name="film_id",
    place="path",
    words="The id of the film, as its caller chose it, or as messages and file names have it.",
    schema={"pattern": "^[A-Za-z0-9_-]{1,64}$"},
)
_SCENE = Parameter(name="scene", place="path", words="The `name` of the scene.", schema={"pattern": FILM_ID_PATTERN})
_TOO_DEAR = error_answer(
    "What is new would cost more than `max_cost_usd` or a budget allows, and nothing was ordered; this account may not "
    "call this facade, its key lacks the scope, or the call comes from a foreign web page."
)
_INVALID = error_answer("Invalid storyboard; `error.field` names the field.")
_ERASED = error_answer("The film was erased, or the image of a scene.")
_REUSED = error_answer("The revision is older than the film's, or is another storyboard.")
_QUEUED = error_answer("Too many jobs of this caller are queued.", "Retry-After")

FILM_OPERATIONS = (
    Operation(
        method="get",
        path="/api/films",
        name="listFilms",
        summary="List films, the newest first.",
        guarded=True,
        scopes=("read", "operate"),
        parameters=(
            Parameter(
                name="state",
                place="query",
                words="Only films in this state.",
                schema={"enum": [str(state) for state in FilmState]},
            ),
            Parameter(
                name="project_id",
                place="query",
                words="Only films of this project.",
                schema={"minLength": 1, "maxLength": 128},
            ),
            Parameter(
                name="caller",
                place="query",
                words="Only films of this caller; with the scope `operate`.",
                schema={"minLength": 1, "maxLength": 320},
            ),
            *page_parameters("Films"),
        ),
        answers={
            200: Answer(words="A page. It may be short though `next_cursor` names a next one.", model="FilmListing"),
            400: error_answer("A filter is invalid."),
            **REFUSED,
            **_ALWAYS,
        },
    ),
    Operation(
        method="post",
        path="/api/films/plan",
        name="planFilm",
        summary="The price of a storyboard, scene by scene: what is new, and what exists already.",
        guarded=True,
        scopes=("submit",),
        takes="FilmRequest",
        answers={
            200: Answer(words="The plan.", model="FilmPlan"),
            400: _INVALID,
            409: _REUSED,
            410: _ERASED,
            **BODY_REFUSED,
            **REFUSED,
            **_ALWAYS,
        },
    ),
    Operation(
        method="post",
        path="/api/films",
        name="orderFilm",
        summary="Order a film: all of its new scenes, or none. The same storyboard again is the same film.",
        guarded=True,
        scopes=("submit",),
        takes="FilmRequest",
        answers={
            202: Answer(
                words="The film, which goes on.", model="FilmView", headers=("Location", "Retry-After"), links=_LINKS
            ),
            400: _INVALID,
            409: _REUSED,
            410: _ERASED,
            429: _QUEUED,
            **BODY_REFUSED,
            **REFUSED,
            403: _TOO_DEAR,
            **_ALWAYS,
        },
    ),
    Operation(
        method="get",
        path="/api/films/{film_id}",
        name="getFilm",
        summary="Show a film with the state of each scene.",
        guarded=True,
        scopes=("read", "operate"),
        parameters=(_FILM_ID,),
        answers={200: Answer(words="The film.", model="FilmView"), 404: _NO_FILM, **REFUSED, **_ALWAYS},
    ),
    Operation(
        method="delete",
        path="/api/films/{film_id}",
        name="cancelFilm",
        summary="Cancel a film: no scene is sent any more. What was sent is paid and kept.",
        guarded=True,
        scopes=("submit", "operate"),
        parameters=(_FILM_ID,),
        answers={
            200: Answer(words="The film.", model="FilmView"),
            404: _NO_FILM,
            409: error_answer("The film changed too often during the call."),
            **REFUSED,
            **_ALWAYS,
        },
    ),
    Operation(
        method="get",
        path="/api/films/{film_id}/events",
        name="watchFilm",
        summary="Server-sent events: each `state` of the film, each change of a `scene`, and `done` with the film.",
        guarded=True,
        scopes=("read", "operate"),
        answers={
            200: Answer(words="The stream; it ends once the film has ended or is held.", media=("text/event-stream",)),
            204: Answer(words="`Last-Event-ID` names `done`: no event follows.", media=()),
            404: _NO_FILM,
            **REFUSED,
            **_ALWAYS,
        },
        parameters=(
            _FILM_ID,
            Parameter(
                name="Last-Event-ID",
                place="header",
                words="The last event that the caller received: its state is not sent again, and each scene is.",
            ),
        ),
    ),
    Operation(
        method="get",
        path="/api/films/{film_id}/erase",
        name="mayEraseFilm",
        summary="Whether the film can be erased now.",
        guarded=True,
        scopes=("operate",),
        parameters=(_FILM_ID,),
        answers={200: Answer(words="The answer.", model="ErasePreview"), 404: _NO_FILM, **REFUSED, **_ALWAYS},
    ),
    Operation(
        method="post",
        path="/api/films/{film_id}/erase",
        name="eraseFilm",
        summary="Erase the storyboard and the files of an ended film, with the jobs of its scenes.",
        guarded=True,
        scopes=("operate",),
        takes="EraseRequest",
        parameters=(_FILM_ID,),
        answers={
            200: Answer(words="What was erased.", model="Purge"),
            400: error_answer("The film can't be erased yet, or the body is invalid."),
            404: _NO_FILM,
            409: error_answer("The film changed too often during the call."),
            **BODY_REFUSED,
            **REFUSED,
            **_ALWAYS,
        },
    ),
    Operation(
        method="post",
        path="/api/films/{film_id}/scenes/{scene}/retake",
        name="retakeScene",
        summary="Order the next revision, with another take of one scene. A repeated call pays once.",
        guarded=True,
        scopes=("submit",),
        takes="FilmRetakeRequest",
        parameters=(_FILM_ID, _SCENE),
        answers={
            202: Answer(
                words="The film, which goes on.", model="FilmView", headers=("Location", "Retry-After"), links=_LINKS
            ),
            400: error_answer("The body is invalid, or another scene was erased and needs a take of its own first."),
            404: error_answer("No such film or scene."),
            409: error_answer("`take` is not the next one."),
            410: _ERASED,
            429: _QUEUED,
            **BODY_REFUSED,
            **REFUSED,
            403: _TOO_DEAR,
            **_ALWAYS,
        },
    ),
)
