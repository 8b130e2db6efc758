"""What the events of the state machine do to one clip: accept, finish, revive, adopt or discard a late result, resolve.

Each attempt has a folder of its own, and each lost attempt is known by its nonce. So a late result counts once, for the
attempt that it belongs to. The other attempts stay in doubt.
"""

from datetime import datetime
from typing import Any

from schemas.domain.clip import Clip
from schemas.domain.object_names import WORK, work_folder
from schemas.domain.states import ClipState
from schemas.errors import Category, Charged, Failure
from schemas.wire.types import isoformat

_WITHOUT_RESULT = (ClipState.PLANNED, ClipState.UNKNOWN, ClipState.REFUSED)
"""In these states a clip of an ended job has no result of its own; a replay uses the late one."""

# One attempt: accepted, finished


def is_submitting(clip: Clip, nonce: str) -> bool:
    """Return True while the attempt with this nonce is being sent."""
    return clip.state is ClipState.SUBMITTING and clip.nonce == nonce


def accept_clip(clip: Clip, operation: str, at: datetime) -> Clip:
    """Return the clip with the operation of its present attempt, which is not lost any more."""
    lost = tuple(prefix for prefix in clip.lost_prefixes if prefix != clip.prefix)
    update = {"state": ClipState.ACCEPTED, "operation": operation, "accepted_at": at, "lost_prefixes": lost}
    return clip.model_copy(update={**update, "cause": clip.fallback})


def finish_clip(clip: Clip, output: str, at: datetime) -> Clip:
    """Return the clip with its file. The attempt that made the file is neither lost nor late any more."""
    lost = tuple(prefix for prefix in clip.lost_prefixes if not output.startswith(prefix))
    late = tuple(charged for charged in clip.late if not output.startswith(charged))  # its charge is this one
    update = {"state": ClipState.DONE, "output": output, "done_at": at, "lost_prefixes": lost, "late": late}
    return clip.model_copy(update={**update, "accepted_at": clip.accepted_at or at, "cause": clip.fallback})


# A new attempt


def replan(clip: Clip) -> Clip:
    """Return the clip ready for a new attempt, after one that was certainly not charged."""
    update = {"state": ClipState.PLANNED, "nonce": None, "owner": None, "accepted_at": None, "cause": clip.fallback}
    return clip.model_copy(update=update)


def replan_unresolved(clip: Clip) -> Clip:
    """Return the clip ready for a new attempt although it may be paid twice.

    The attempt before stays watched, and its reservation stays in the budgets.
    """
    lost = (*clip.lost_prefixes, clip.prefix) if clip.prefix and clip.planned.price_usd else clip.lost_prefixes
    nonces = {**clip.lost_nonces, clip.nonce: clip.prefix} if clip.nonce and clip.prefix else clip.lost_nonces
    update = {"lost_prefixes": lost, "lost_nonces": nonces, "reserved": ()}
    return replan(clip).model_copy(update=update)


def revive_clip(clip: Clip, at: datetime, *, resubmit: bool) -> Clip:
    """Return the clip of a replayed job. What is paid is used.

    A late operation is polled and a late file is taken. A clip in doubt is searched for first, or sent again with
    `resubmit`.
    """
    if clip.state is ClipState.LATE:
        *earlier, last = clip.late
        found = {"output": last, "done_at": at} if last.startswith(WORK) else {"operation": last}
        state = ClipState.DONE if last.startswith(WORK) else ClipState.ACCEPTED
        return clip.model_copy(
            update={**found, "state": state, "late": tuple(earlier), "accepted_at": at, "cause": None}
        )
    if clip.is_in_doubt and resubmit:
        return replan_unresolved(clip)
    if clip.is_in_doubt and clip.operation:  # it was accepted and may have ended since: the next poll says so
        return clip.model_copy(update={"state": ClipState.ACCEPTED, "accepted_at": at, "cause": None})
    if clip.is_in_doubt:
        return clip.model_copy(update={"state": ClipState.UNKNOWN, "cause": None})
    return _replan_refused(clip) if clip.state is ClipState.REFUSED else clip


def _replan_refused(clip: Clip) -> Clip:
    """Return the clip ready for a new attempt. An operation that was charged and gave no file stays on the bill."""
    bill = clip.operation or clip.prefix
    is_charged = clip.cause is not None and clip.cause.charged is Charged.YES and bill is not None
    update: dict[str, Any] = {"state": ClipState.PLANNED, "nonce": None, "owner": None, "accepted_at": None}
    if is_charged:
        update |= {"late": (*clip.late, bill), "reserved": ()}
    if is_charged and clip.nonce and bill == clip.prefix:  # its answer may still come, and is the same charge
        update["lost_nonces"] = {**clip.lost_nonces, clip.nonce: bill}
    return clip.model_copy(update=update)


# A late result: the name of an operation, or of a file that was found


def is_same_charge(clip: Clip, nonce: str, operation: str) -> bool:
    """Return True if the video of this very submit was found before the answer to the submit came."""
    own = _folder(clip, nonce, operation)
    if clip.state is not ClipState.DONE or clip.operation is not None or own is None:
        return False
    return clip.prefix == own or (clip.output or "").startswith(own)


def adopt_late_result(clip: Clip, nonce: str, operation: str, at: datetime) -> Clip:
    """Return the clip with the late result as its own. Every other attempt stays in doubt."""
    own = _folder(clip, nonce, operation)
    update = _resolve_prefix(clip, own)
    if own is None:  # the present attempt is the one that counts
        own = clip.prefix
        update["lost_prefixes"] = tuple(prefix for prefix in update["lost_prefixes"] if prefix != own)
    update |= {"state": ClipState.ACCEPTED, "operation": operation, "accepted_at": at, "prefix": own}
    return clip.model_copy(update={**update, "cause": clip.fallback})


def discard_late_result(clip: Clip, nonce: str, operation: str, *, ended: bool) -> Clip:
    """Return the clip with the late result on its bill. It is of no use, except to a replay of an ended job."""
    own = _folder(clip, nonce, operation)
    update = _resolve_prefix(clip, own)
    if ended and clip.state in (*_WITHOUT_RESULT, ClipState.LATE):
        update |= {"state": ClipState.LATE, "prefix": own or clip.prefix}
        update["late"] = (*update["late"], *_earlier_bill(clip, own))
    update["late"] = (*update["late"], operation)
    return clip.model_copy(update=update)


def _folder(clip: Clip, nonce: str, operation: str) -> str | None:
    """Return the folder of the attempt that the result belongs to; None if it is not known."""
    if operation.startswith(WORK):
        return work_folder(operation)
    if nonce and nonce == clip.nonce:
        return clip.prefix
    return clip.lost_nonces.get(nonce)


def _resolve_prefix(clip: Clip, own: str | None) -> dict[str, Any]:
    """Take the attempt with the folder `own` out of doubt, and off the bill if an operator put it there."""
    watched = clip.unresolved_prefixes or clip.lost_prefixes
    late = clip.late if own is None else tuple(name for name in clip.late if not name.startswith(own))
    return {"lost_prefixes": tuple(prefix for prefix in watched if prefix != own), "late": late}


def _earlier_bill(clip: Clip, own: str | None) -> tuple[str, ...]:
    """Return the clip's own operation if it was charged, gave no video, and is not the late one."""
    refused = clip.state is ClipState.REFUSED and clip.cause is not None and clip.cause.charged is Charged.YES
    bill = clip.operation or clip.prefix
    return (bill,) if refused and bill and (clip.operation or own != clip.prefix) else ()


# The operator's decision

_DECISIONS = {
    Charged.YES: ("charged_without_video", "charged, though no video turned up"),
    Charged.NO: ("not_charged", "not charged"),
}


def resolve_clip(clip: Clip, charged: Charged, at: datetime) -> Clip:
    """Return the clip without its doubt: about its present attempt if that is in doubt, else about the lost ones.

    Charged lost attempts stay on the bill under their prefix, before the operations: a replay takes the last operation.
    """
    if not clip.is_in_doubt:
        late = (*clip.lost_prefixes, *clip.late) if charged is Charged.YES else clip.late
        return clip.model_copy(update={"lost_prefixes": (), "late": late})
    code, finding = _DECISIONS[charged]
    message = f"A person found at {isoformat(at)} that this clip was {finding}."
    cause = Failure(category=Category.UPSTREAM, code=code, message=message, charged=charged)
    return clip.model_copy(update={"state": ClipState.REFUSED, "cause": cause})
