"""What a model is told beside its parameters: the prompt with its style, and the labels on the bill."""

import re

from infra.gcp.models import Model
from schemas.request import VideoRequest

_LABEL_AT_MOST = 63
_NOT_IN_LABELS = re.compile(r"[^a-z0-9_-]")


def prompt_for(model: Model, request: VideoRequest) -> str:
    """The prompt and the style; and what must not be seen, where the model has no parameter for that."""
    parts = [request.prompt]
    if request.style:
        parts.append(f"Style: {request.style}.")
    if request.negative_prompt and not model.negative_prompt:
        parts.append(f"Do not show: {request.negative_prompt}.")
    return "\n\n".join(parts)


def labels_for(request: VideoRequest) -> dict[str, str]:
    """The caller's own labels, and ours under names that are not likely to be theirs."""
    ours = {
        "reelbus_job": request.job_id,
        "reelbus_project": request.project_id or "",
        "reelbus_quality": request.quality,
    }
    return {**request.labels, **{key: label_value(text) for key, text in ours.items() if text}}


def label_value(text: str) -> str:
    """As Google takes it: at most 63 small letters, digits, dashes and underscores."""
    return _NOT_IN_LABELS.sub("-", text.lower())[:_LABEL_AT_MOST]
