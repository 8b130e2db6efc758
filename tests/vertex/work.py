"""What a request that passed the checks asks for."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """One film to be made."""

    model: str
    seconds: int
    """Of what this call adds, which is what is billed."""
    width: int
    height: int
    audio: bool
    storage_uri: str
    labels: dict[str, str]
    images: tuple[str, ...]
    extends: str | None
    previous: str | None = None
    """The interaction that it goes on from, instead of a video's address."""
