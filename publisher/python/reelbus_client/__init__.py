"""Ask reelbus for videos from Python. Over Pub/Sub: `reelbus_client.pubsub`, and `reelbus_client.push`."""

from reelbus_client.aio import AsyncReelbus
from reelbus_client.client import Reelbus
from reelbus_client.completions import Inbox, RecentEvents, UnknownMessage, decode_completion, event_id_of
from reelbus_client.errors import ReelbusError, WaitTimeout
from reelbus_client.film_completions import FilmInbox, decode_film_completion
from reelbus_client.models import (
    Completion,
    FilmCompletion,
    FilmPlan,
    FilmRequest,
    FilmScene,
    FilmView,
    FilmWebhook,
    JobView,
    Outcome,
    Scene,
    VideoPlan,
    VideoRequest,
    Webhook,
)
from reelbus_client.video import FilmNews, News, Video
from reelbus_client.webhooks import WebhookEvent, WebhookRefused, WebhookVerifier

__all__ = [
    "AsyncReelbus",
    "Completion",
    "FilmCompletion",
    "FilmInbox",
    "FilmNews",
    "FilmPlan",
    "FilmRequest",
    "FilmScene",
    "FilmView",
    "FilmWebhook",
    "Inbox",
    "JobView",
    "News",
    "Outcome",
    "RecentEvents",
    "Reelbus",
    "ReelbusError",
    "Scene",
    "UnknownMessage",
    "Video",
    "VideoPlan",
    "VideoRequest",
    "WaitTimeout",
    "Webhook",
    "WebhookEvent",
    "WebhookRefused",
    "WebhookVerifier",
    "decode_completion",
    "decode_film_completion",
    "event_id_of",
]
