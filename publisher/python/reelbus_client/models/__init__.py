"""Requests and answers, generated from the JSON Schemas of reelbus."""

from reelbus_client.models.answers import (
    Charged,
    Completion,
    Failure,
    JobState,
    JobView,
    Outcome,
)
from reelbus_client.models.api import BatchPlan, BatchView, Listing, Quote, SpendReport, VideoPlan
from reelbus_client.models.request import CancelRequest, Scene, VideoRequest, Webhook

__all__ = [
    "BatchPlan",
    "BatchView",
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
