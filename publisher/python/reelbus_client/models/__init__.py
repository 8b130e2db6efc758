"""Requests and answers, generated from the JSON Schemas of reelbus."""

from reelbus_client.models.answers import (
    Charged,
    Completion,
    Failure,
    JobState,
    JobView,
    Outcome,
)
from reelbus_client.models.api import (
    BatchPlan,
    BatchView,
    FilmListing,
    FilmPlan,
    FilmView,
    Listing,
    Quote,
    SpendReport,
    VideoPlan,
)
from reelbus_client.models.film_end import FilmCompletion
from reelbus_client.models.request import (
    CancelRequest,
    FilmAudio,
    FilmRequest,
    FilmScene,
    FilmWebhook,
    Scene,
    VideoRequest,
    Webhook,
)

__all__ = [
    "BatchPlan",
    "BatchView",
    "CancelRequest",
    "Charged",
    "Completion",
    "Failure",
    "FilmAudio",
    "FilmCompletion",
    "FilmListing",
    "FilmPlan",
    "FilmRequest",
    "FilmScene",
    "FilmView",
    "FilmWebhook",
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
