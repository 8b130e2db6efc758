"""What an answer that comes late does to a line of the ledger: an operation, or a film that turned up.

Each attempt has a folder of its own, and each lost one is known by its nonce. So a late answer counts for the attempt
that it belongs to, once, and the others stay in doubt.

What a person's word about the money does to a line of the ledger whose outcome nobody knew.
"""

from datetime import datetime
from typing import Any

from schemas.domain.clip import Clip
from schemas.domain.object_names import WORK, work_folder
from schemas.domain.states import ClipState
from schemas.errors import Category, Charged, Failure
from schemas.wire.types import isoformat

_USELESS = (ClipState.PLANNED, ClipState.UNKNOWN, ClipState.REFUSED)
"""Where an ended job has nothing of its own; a replay uses what came late."""


def is_same_charge(clip: Clip, nonce: str, operation: str) -> bool:
    """True where the film of this very submit is in hand already, found before its answer came."""
    own = _folder(clip, nonce, operation)
    return clip.state is ClipState.DONE and clip.operation is None and own is not None and _is_made_in(clip, own)


def adopt_late_result(clip: Clip, nonce: str, operation: str, at: datetime) -> Clip:
    """The line goes on with it. An attempt that it was not the answer of stays in doubt."""
    own = _folder(clip, nonce, operation)
    update = _resolve_prefix(clip, own)
    if own is None:  # the attempt in hand is the one that counts
        own = clip.prefix
        update["lost_prefixes"] = tuple(prefix for prefix in update["lost_prefixes"] if prefix != own)
    update |= {"state": ClipState.ACCEPTED, "operation": operation, "accepted_at": at, "prefix": own}
    return clip.model_copy(update={**update, "cause": clip.fallback})


def discard_late_result(clip: Clip, nonce: str, operation: str, *, ended: bool) -> Clip:
    """Charged, and of no use any more; unless the job lives again."""
    own = _folder(clip, nonce, operation)
    update = _resolve_prefix(clip, own)
    if ended and clip.state in (*_USELESS, ClipState.LATE):
        update |= {"state": ClipState.LATE, "prefix": own or clip.prefix}
        update["late"] = (*update["late"], *_earlier_bill(clip, own))
    update["late"] = (*update["late"], operation)
    return clip.model_copy(update=update)


def _resolve_prefix(clip: Clip, own: str | None) -> dict[str, Any]:
    """What is no doubt any more, and what a person had put on the bill in its place."""
    watched = clip.unresolved_prefixes or clip.lost_prefixes
    late = clip.late if own is None else tuple(name for name in clip.late if not name.startswith(own))
    return {"lost_prefixes": tuple(prefix for prefix in watched if prefix != own), "late": late}


def _earlier_bill(clip: Clip, own: str | None) -> tuple[str, ...]:
    """The line's own operation, where it was charged, gave no film, and is another one."""
    refused = clip.state is ClipState.REFUSED and clip.cause is not None and clip.cause.charged is Charged.YES
    bill = clip.operation or clip.prefix
    return (bill,) if refused and bill and (clip.operation or own != clip.prefix) else ()


def _folder(clip: Clip, nonce: str, operation: str) -> str | None:
    """The folder of the attempt that it belongs to; None where nobody knows."""
    if operation.startswith(WORK):
        return work_folder(operation)
    if nonce and nonce == clip.nonce:
        return clip.prefix
    return clip.lost_nonces.get(nonce)


def _is_made_in(clip: Clip, folder: str) -> bool:
    return clip.prefix == folder or (clip.output or "").startswith(folder)


_WORDS = {
    Charged.YES: ("charged_without_video", "charged, though no video turned up"),
    Charged.NO: ("not_charged", "not charged"),
}


def resolve_clip(clip: Clip, charged: Charged, at: datetime) -> Clip:
    """The line with the doubt settled: its present attempt where that is in doubt, else the ones that were lost."""
    if not clip.is_in_doubt:
        return _without_lost(clip, charged)
    return clip.model_copy(update={"state": ClipState.REFUSED, "cause": _failure_of(charged, at)})


def replan(clip: Clip) -> Clip:
    """Ready to be sent: the attempt before was certainly not charged."""
    update = {"state": ClipState.PLANNED, "nonce": None, "owner": None, "accepted_at": None, "cause": clip.fallback}
    return clip.model_copy(update=update)


def replan_unresolved(clip: Clip) -> Clip:
    """Ready to be sent again although it may be paid twice; the attempt before stays watched, its money reserved."""
    lost = (*clip.lost_prefixes, clip.prefix) if clip.prefix and clip.planned.price_usd else clip.lost_prefixes
    nonces = {**clip.lost_nonces, clip.nonce: clip.prefix} if clip.nonce and clip.prefix else clip.lost_nonces
    update = {"lost_prefixes": lost, "lost_nonces": nonces, "reserved": ()}
    return replan(clip).model_copy(update=update)


def _without_lost(clip: Clip, charged: Charged) -> Clip:
    """Charged ones stay on the bill under their prefix, before the operations: a replay takes the last of those."""
    late = (*clip.lost_prefixes, *clip.late) if charged is Charged.YES else clip.late
    return clip.model_copy(update={"lost_prefixes": (), "late": late})


def _failure_of(charged: Charged, at: datetime) -> Failure:
    code, words = _WORDS[charged]
    message = f"A person found at {isoformat(at)} that this clip was {words}."
    return Failure(category=Category.UPSTREAM, code=code, message=message, charged=charged)
