"""What a person's word about the money does to a line of the ledger whose outcome nobody knew."""

from datetime import datetime

from schemas.failure import Category, Charged, Failure
from schemas.kinds import isoformat
from schemas.ledger import Clip
from schemas.state import ClipState

_WORDS = {
    Charged.YES: ("charged_without_video", "charged, though no video turned up"),
    Charged.NO: ("not_charged", "not charged"),
}


def judged(clip: Clip, charged: Charged, at: datetime) -> Clip:
    """The line with the doubt settled: its present attempt where that is in doubt, else the ones that were lost."""
    if not clip.in_doubt:
        return _without_lost(clip, charged)
    return clip.model_copy(update={"state": ClipState.REFUSED, "cause": _finding(charged, at)})


def planned_by_judgement(clip: Clip) -> Clip:
    """Ready to be sent: the attempt before was certainly not charged."""
    update = {"state": ClipState.PLANNED, "nonce": None, "owner": None, "accepted_at": None, "cause": clip.fallback}
    return clip.model_copy(update=update)


def planned_in_doubt(clip: Clip) -> Clip:
    """Ready to be sent again although it may be paid twice; the attempt before stays watched, its money reserved."""
    lost = (*clip.lost_prefixes, clip.prefix) if clip.prefix and clip.planned.price_usd else clip.lost_prefixes
    nonces = {**clip.lost_nonces, clip.nonce: clip.prefix} if clip.nonce and clip.prefix else clip.lost_nonces
    update = {"lost_prefixes": lost, "lost_nonces": nonces, "reserved": ()}
    return planned_by_judgement(clip).model_copy(update=update)


def _without_lost(clip: Clip, charged: Charged) -> Clip:
    """Charged ones stay on the bill under their prefix, before the operations: a replay takes the last of those."""
    late = (*clip.lost_prefixes, *clip.late) if charged is Charged.YES else clip.late
    return clip.model_copy(update={"lost_prefixes": (), "late": late})


def _finding(charged: Charged, at: datetime) -> Failure:
    code, words = _WORDS[charged]
    message = f"A person found at {isoformat(at)} that this clip was {words}."
    return Failure(category=Category.UPSTREAM, code=code, message=message, charged=charged)
