"""Google's safety filters: how to tell their words from other errors, and what their support codes mean.

Codes: "Responsible AI for Veo", Google Cloud documentation.
"""

import re

from infra.gcp.words import as_sentence
from schemas.failure import Category, Charged, Failure

_CODES = {
    "child safety": (58061214, 17301594),
    "a celebrity": (29310472, 15236754),
    "the safety of the video": (64151117, 42237218),
    "dangerous content": (62263041,),
    "hate": (57734940, 22137204),
    "another safety reason": (74803281, 29578790, 42876398),
    "prohibited content": (89371032, 49114662, 63429089, 72817394, 60599140),
    "third-party content": (35561574, 35561575),
    "sexual content": (90789179, 43188360),
    "toxic content": (78610348,),
    "violence": (61493863, 56562880),
    "vulgar content": (32635315,),
}
_REASONS = {code: reason for reason, codes in _CODES.items() for code in codes}
_SUPPORT = re.compile(r"support codes?: ?([\d, ]+)", re.IGNORECASE)
# Whole phrases: "rai" alone is in "train", and "block" in "blockbuster".
_UNSAFE = re.compile(
    r"usage guidelines|responsible ai|safety (?:filter|polic|reason|setting)|violat\w+ .{0,80}polic|prohibited use",
    re.IGNORECASE,
)
_NOT_CHARGED = re.compile(r"(?:not been|not be|n't be|n't) charged", re.IGNORECASE)


def safety_failure(said: str, *, charged: Charged = Charged.NO) -> Failure | None:
    """The refusal by a filter that these words tell of; None where they tell of something else."""
    return filtered(said, charged=charged) if _SUPPORT.search(said) or _UNSAFE.search(said) else None


def filtered(said: str, *, charged: Charged) -> Failure:
    """What a filter held back, with its reasons in plain words."""
    reasons = support_reasons(said)
    sentence = as_sentence(said)
    words = f"The safety filter refused it ({', '.join(reasons)})" if reasons else "The safety filter refused it"
    return Failure(
        category=Category.SAFETY_FILTER,
        code="safety_filter",
        message=f"{words}: {sentence}" if sentence else f"{words}.",
        charged=Charged.NO if _NOT_CHARGED.search(said) else charged,
    )


def support_reasons(said: str) -> tuple[str, ...]:
    """The reasons that support codes stand for; a code that is not known stands for itself."""
    codes = [int(code) for found in _SUPPORT.findall(said) for code in re.findall(r"\d+", found)]
    return tuple(dict.fromkeys(_REASONS.get(code, f"code {code}") for code in codes))
