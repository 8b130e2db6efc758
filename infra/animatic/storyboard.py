"""Everything the renderer knows about a film, small enough to be sent to another process."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Storyboard:
    """What to draw. Any text may be empty, and may be in any script."""

    width: int
    """Pixels, even."""
    height: int
    """Pixels, even."""
    duration_seconds: int
    seed: int
    title: str
    description: str
    script: str
    camera: str
    """How the camera moves, in words: "slow pan left", "dolly in", "static"."""
    music: str
    """The mood of the sound bed, in words."""
    style: str
    audio: bool
    """False asks for a track of digital silence."""
    image: bytes | None
    """A PNG, JPEG or WebP picture that the film starts from."""
    visual: str = ""
    """What is seen, where `description` says what happens."""
    project: str = ""
    shot: int | None = None
    """Counted from 1."""
