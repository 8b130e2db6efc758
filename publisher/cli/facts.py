"""A job in a few lines, for people."""

from pathlib import Path

from schemas.caller_names import shown_id
from schemas.failure import Charged
from schemas.state import JobState
from schemas.view import JobView


def facts(view: JobView, *, file: Path | None = None) -> str:
    """What a person wants to know about a job; with the `file` if the video is on this machine."""
    rows = {
        "id": view.video_id,
        "state": _state(view),
        "notice": view.notice,
        "prompt": view.prompt if len(view.prompt) <= 100 else view.prompt[:99] + "…",
        "asked for": f"{view.duration_seconds} s, {view.quality}, {view.aspect_ratio}, {view.resolution}",
        "project": view.project_id,
        "caller": _caller(view),
        "model": view.model,
        "cost": cost(view),
        "created": moment(view.created_at.isoformat()),
        "ended": moment(view.timings.ended_at.isoformat()) if view.timings.ended_at else None,
        "erased": moment(view.erased_at.isoformat()) if view.erased_at else None,
        "video": view.video_url,
        "file": file or view.gcs_path,
        "defect": view.defect,
        "reason": view.error.message if view.error else None,
    }
    return "\n".join(f"{name:<10} {value}" for name, value in rows.items() if value)


def result(view: JobView) -> str:
    """One line about a finished video."""
    size = f"{view.width}x{view.height}"
    return " · ".join((f"{view.duration_seconds} s", size, view.model or "?", cost(view), view.video_id))


def ending(view: JobView) -> str:
    """Why there is no video."""
    return view.error.message if view.error else f"The job is {view.state}"


def cost(view: JobView) -> str:
    """Money, and whether that is all of it."""
    doubt = ", perhaps more" if view.charged is Charged.UNKNOWN else ""
    return f"${view.cost_usd:.2f}{doubt}"


def moment(text: str) -> str:
    """ISO 8601 in UTC, to the second."""
    return text[:19] + "Z"


def _caller(view: JobView) -> str | None:
    """Whose job it is, and the id that this caller knows, if that is another one."""
    own_id = shown_id(view.caller, view.video_id)
    return f"{view.caller}, who calls it {own_id}" if own_id != view.video_id else view.caller


def _state(view: JobView) -> str:
    words = [str(view.state)]
    if view.state is JobState.QUEUED and view.queue_position:
        words.append(f"number {view.queue_position}")
    if not view.state.ended and view.progress:
        words.append(f"about {view.progress:.0%}")
    if view.waiting_for:
        words.append(f"waiting for {view.waiting_for.replace('_', ' ')}")
    if view.cancel_requested and not view.state.ended:
        words.append("to be cancelled")
    return ", ".join(words)
