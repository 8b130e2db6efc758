"""What a look at a deployment found: one finding for one thing, with the remedy if it is wrong."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a look at one thing found."""

    OK = "ok"
    NOTE = "note"
    """It works, and the operator should know something about it."""
    SKIPPED = "skipped"
    """It can't be looked at from here; the words say why."""
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing of a deployment."""

    verdict: Verdict
    kind: str
    """`topic`, `bucket` or another constant word."""
    name: str
    """The name of the thing; empty if there is one only."""
    words: str
    """What was found, in one line."""
    remedy: str = ""
    """A command, or what to change; empty unless something should be done."""

    @classmethod
    def ok(cls, kind: str, name: str, words: str) -> "Finding":
        """Build the finding that all is right."""
        return cls(Verdict.OK, kind, name, words)

    @classmethod
    def note(cls, kind: str, name: str, words: str, remedy: str = "") -> "Finding":
        """Build a finding that is no error."""
        return cls(Verdict.NOTE, kind, name, words, remedy)

    @classmethod
    def skip(cls, kind: str, name: str, words: str, remedy: str = "") -> "Finding":
        """Build the finding that this can't be looked at from here."""
        return cls(Verdict.SKIPPED, kind, name, words, remedy)

    @classmethod
    def wrong(cls, kind: str, name: str, words: str, remedy: str) -> "Finding":
        """Build the finding of something wrong. There is a remedy for each."""
        return cls(Verdict.WRONG, kind, name, words, remedy)
