"""What goes wrong, and when: a list of steps, one for each submit in the order in which they come."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Ending = Literal[
    "film",
    "inline",
    "added",
    "fewer",
    "error",
    "filtered",
    "audio_filtered",
    "said",
    "nothing",
    "never",
    "gone",
    "stopped",
    "status",
]


class Step(BaseModel):
    """One submit. Without anything: it is accepted, and its film is there at once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: int = 200
    """Another one is answered instead of an operation."""
    good_status: int = 200
    """Of an answer with an operation: a provider other than Google may say 201 or 202."""
    message: str = "Scripted."
    """Of a refusal; what the model `said`; the `status` of an interaction."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Of a refusal, and of a poll that fails."""
    body: str | None = None
    """Answered as it is, instead of a body in Google's shape."""
    accept: bool | None = None
    """Whether it is accepted all the same; by default only where nothing goes wrong."""
    drop: bool = False
    """The connection is reset instead of an answer."""
    hang: bool = False
    """No answer ever comes."""
    ending: Ending = "film"
    """`inline`: the film's bytes come in the answer; `added`: an extension's file holds the added seconds alone."""
    error: dict[str, Any] = Field(default_factory=lambda: {"code": 13, "message": "Internal error."})
    shrink: int = 1
    """The picture is so many times less wide and high than was ordered, for tests that look at lengths alone."""
    video_tokens: int = 0
    """What an interaction counts; 0: it counts nothing."""
    polls: int = 0
    """So many polls are told that it still runs."""
    poll_statuses: tuple[int, ...] = ()
    """The first polls are answered with these."""
    seconds: float = 0
    """How long it takes to make."""
    held: bool = False
    """Nor is it made before somebody says so, at `/_release`."""

    @property
    def accepts(self) -> bool:
        """Whether a paid operation comes of it."""
        fine = self.status == 200 and self.body is None and not self.drop and not self.hang
        return fine if self.accept is None else self.accept


class Accepted(BaseModel):
    """A submit that would be paid."""

    model: str
    labels: dict[str, str]
    body: dict[str, Any]
    path: str
    seconds: int
    storage_uri: str


class Books(BaseModel):
    """What a test may ask for: everything that came, and everything that would be on the bill."""

    posts: int = 0
    """Submits that reached the wire, refused ones too."""
    polls: int = 0
    connections: list[int] = Field(default_factory=list)
    """The peer's port of each submit: a fresh connection has a new one."""
    tokens: list[str] = Field(default_factory=list)
    """What each submit showed."""
    accepted: list[Accepted] = Field(default_factory=list)
    refused: list[str] = Field(default_factory=list)
    """What was wrong with requests that the strict checks refused."""
