"""Requests and answers, generated from the JSON Schemas of reelbus."""

from reelbus_client.models.answers import (
    Charged,
    Completion,
    Failure,
    JobState,
    JobView,
    Listing,
    Outcome,
    Quote,
    SpendReport,
    VideoPlan,
)
from reelbus_client.models.request import CancelRequest, Scene, VideoRequest, Webhook

__all__ = [
    "CancelRequest",
    "Charged",
    "Completion",
    "Failure",
    "JobState",
    "JobView",
    "Listing",
    "Outcome",
    "Quote",
    "Scene",
    "SpendReport",
    "VideoPlan",
    "VideoRequest",
    "Webhook",
]
