"""One operation of the facade for its OpenAPI document: its parameters, its answers, and the scopes that it needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from publisher.access import Scope
from publisher.paging import LIMIT_MAX

REF = "#/components/schemas/{model}"
_SCHEMES = ("bearer", "apiKey")


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """A value that a caller may send. One in a path is required."""

    name: str
    place: Literal["path", "query", "header"]
    words: str
    schema: Mapping[str, object] = field(default_factory=dict)

    def to_openapi(self) -> dict[str, Any]:
        """Return the Parameter Object."""
        schema = {"type": "string", **self.schema}
        described = {"name": self.name, "in": self.place, "description": self.words, "schema": schema}
        return {**described, "required": True} if self.place == "path" else described


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """An answer with one status."""

    words: str
    model: str = ""
    media: tuple[str, ...] = ("application/json",)
    headers: tuple[str, ...] = ()
    links: tuple[tuple[str, str, str], ...] = ()
    """Next operations: the operation, the parameter of its path, and the key of this answer with the value for it."""

    def to_openapi(self) -> dict[str, Any]:
        """Return the Response Object."""
        described: dict[str, Any] = {"description": self.words}
        schema = {"schema": {"$ref": REF.format(model=self.model)}} if self.model else {}
        if self.media:
            described["content"] = dict.fromkeys(self.media, schema)
        if self.links:
            described["links"] = {
                operation: {"operationId": operation, "parameters": {parameter: f"$response.body#/{key}"}}
                for operation, parameter, key in self.links
            }
        if self.headers:
            described["headers"] = {name: {"schema": {"type": "string"}} for name in self.headers}
        return described


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    name: str
    summary: str
    answers: Mapping[int, Answer]
    guarded: bool = False
    """True if the operation requires a key, at a facade that requires keys."""
    scopes: tuple[Scope, ...] = ()
    """The key needs one of these; none: any key will do."""
    parameters: Sequence[Parameter] = ()
    takes: str = ""
    media: tuple[str, ...] = ("application/json",)

    def to_openapi(self) -> dict[str, Any]:
        """Return the Operation Object."""
        described: dict[str, Any] = {
            "operationId": self.name,
            "summary": self.summary,
            "responses": {str(status): answer.to_openapi() for status, answer in self.answers.items()},
        }
        if self.guarded:
            # Any one of these. The empty one is there because a facade requires no key by default.
            described["security"] = [
                *({scheme: [scope] if scope else []} for scope in self.scopes or ("",) for scheme in _SCHEMES),
                {},
            ]
        if self.parameters:
            described["parameters"] = [parameter.to_openapi() for parameter in self.parameters]
        if self.takes:
            schema = {"schema": {"$ref": REF.format(model=self.takes)}}
            described["requestBody"] = {"required": True, "content": dict.fromkeys(self.media, schema)}
        return described


def page_parameters(things: str) -> tuple[Parameter, Parameter]:
    """Return the parameters with which a caller reads a listing page by page."""
    limits = {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": 50}
    return (
        Parameter(name="cursor", place="query", words="`next_cursor` of the page before."),
        Parameter(name="limit", place="query", words=f"{things} on a page.", schema=limits),
    )


def error_answer(words: str, *headers: str) -> Answer:
    """Return the answer with an error."""
    return Answer(words=words, model="ErrorBody", headers=headers)


FAILED = error_answer("An unexpected error, or the video could not be made.")
UNAVAILABLE = error_answer("A store is out of reach, or the facade is overloaded or stopping.", "Retry-After")
NO_JOB = error_answer("No such job.")
REFUSED = {
    401: error_answer("This facade requires an API key or an ID token.", "WWW-Authenticate"),
    403: error_answer(
        "This account may not call this facade, its key lacks the scope, or a foreign web page tries to change "
        "something."
    ),
    421: error_answer("This facade does not serve the host that the call names."),
}
BODY_REFUSED = {
    408: error_answer("The body arrived too slowly."),
    413: error_answer("The body is too large."),
    415: error_answer("The body is not JSON."),
}
VIDEO_ID = Parameter(
    name="video_id",
    place="path",
    words="The id of the job, as its caller chose it, or as messages and file names have it.",
    schema={"pattern": "^[A-Za-z0-9_-]{1,64}$"},
)
