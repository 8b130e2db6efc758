"""What a fleet needs for so many videos a day, reckoned from the project's own constants.

`python -m bench.scale` writes the tables and the pictures of `docs/scale.md` afresh. What is not ours is in `Given`,
with its source; change it there.
"""

import math
from dataclasses import dataclass
from decimal import Decimal

from infra.gcp.vertex.adapter import Vertex
from infra.gcp.vertex.models import ModelPreferences
from infra.gcp.vertex.planning import Planner
from publisher.settings import PublisherSettings
from schemas.wire.request import VideoRequest
from subscriber.settings import WorkerSettings

MINUTES = 1440


@dataclass(frozen=True, kw_only=True)
class Given:
    """What the world is taken to be like. Prices in US dollars, us-central1, read in November 2026."""

    video_seconds: int = 10
    peak: float = 3.0
    """The busiest moment over the mean of the day: an office day with one broad hump."""
    quota_per_minute: float = 50.0
    """Requests per minute, region and base model: the model card of Veo 3.1."""
    firestore_write: float = 0.09 / 100_000
    firestore_read: float = 0.03 / 100_000
    """cloud.google.com/firestore/pricing"""
    firestore_sequential: float = 500.0
    """Writes a second to a collection with a rising indexed field: firebase.google.com/docs/firestore/best-practices"""
    pubsub_byte: float = 40 / 2**40
    """cloud.google.com/pubsub/pricing; at least 1,000 bytes are billed for a message, in and out."""
    storage_write: float = 0.05 / 10_000
    storage_read: float = 0.004 / 10_000
    storage_month: float = 0.020 / 2**30
    """cloud.google.com/storage/pricing, Standard, one region"""
    film_bytes: int = 6_000_000
    """A 10-s film at 720p, as the models make them; clip and final are both kept."""


@dataclass(frozen=True, kw_only=True)
class Ours:
    """The project's own constants, read from where they are used."""

    writes: int = 4
    reads: int = 3
    messages: int = 2
    """Counted by tests/gcp/test_pipeline.py."""
    in_flight: int
    poll_every_s: float
    look_every_s: float
    waits: int
    generation_s: float
    price_usd: Decimal
    submits: int

    @classmethod
    def of(cls, given: Given) -> "Ours":
        request = VideoRequest(job_id="one", prompt="A product on a table", duration_seconds=given.video_seconds)
        plan = Planner(ModelPreferences.parse()).plan(request)
        worker = WorkerSettings(model="vertex://project/location")
        facade = PublisherSettings()
        return cls(
            in_flight=worker.jobs_at_once,
            poll_every_s=Vertex.poll_every_s,
            look_every_s=facade.look_every_s,
            waits=facade.max_waits,
            generation_s=sum(clip.expected_s for clip in plan.clips),
            price_usd=plan.price_usd,
            submits=len(plan.clips),
        )


@dataclass(frozen=True, kw_only=True)
class Need:
    """What one day of so many videos takes."""

    videos: int
    mean_per_minute: float
    peak_per_minute: float
    quotas: int
    """How many times the default quota it takes to start everything at once, even at the peak."""
    in_flight: float
    workers: int
    facades: int
    polls_per_s: float
    writes_per_s: float
    reads_per_s: float
    model_usd: float
    around_usd: float
    """Firestore, Pub/Sub and Cloud Storage; the films kept for 30 days."""
    worst_wait_s: float | None
    """With the default quota, in the worst minute; None: the backlog grows from day to day."""


def need(videos: int, given: Given, ours: Ours) -> Need:
    """Little's law, and a price list."""
    mean = videos / MINUTES
    peak = mean * given.peak
    in_flight = peak / 60 * ours.generation_s
    looks = ours.generation_s / ours.look_every_s
    return Need(
        videos=videos,
        mean_per_minute=mean,
        peak_per_minute=peak,
        quotas=max(1, math.ceil(peak * ours.submits / given.quota_per_minute)),
        in_flight=in_flight,
        workers=max(1, math.ceil(in_flight / ours.in_flight)),
        facades=max(1, math.ceil(in_flight / ours.waits)),
        polls_per_s=in_flight / ours.poll_every_s,
        writes_per_s=peak / 60 * ours.writes,
        reads_per_s=peak / 60 * (ours.reads + looks),
        model_usd=videos * float(ours.price_usd),
        around_usd=videos * around_one(given, ours),
        worst_wait_s=worst_wait_s(mean, given, given.quota_per_minute / ours.submits),
    )


def around_one(given: Given, ours: Ours) -> float:
    """Dollars for everything but the model, for one video whose caller waits at a facade."""
    looks = ours.generation_s / ours.look_every_s
    polls_of_storage = 2  # the listing before the submit, the fetch of the clip
    return (
        ours.writes * given.firestore_write
        + (ours.reads + looks) * given.firestore_read
        + ours.messages * 2 * 2_000 * given.pubsub_byte
        + 4 * given.storage_write  # the clip (by Google), its marker, the final file, the poster
        + polls_of_storage * given.storage_read
        + 2 * given.film_bytes * given.storage_month
    )


def arrivals(mean: float, peak: float) -> list[float]:
    """Requests in each minute of a day with one broad hump, `peak` times the mean at its top."""
    sharpness = _sharpness(peak)
    shape = [math.exp(sharpness * (math.cos(2 * math.pi * (minute / MINUTES - 0.5)) - 1)) for minute in range(MINUTES)]
    total = sum(shape)
    return [mean * MINUTES * part / total for part in shape]


def _sharpness(peak: float) -> float:
    """Of the bell whose top is `peak` times its mean, by halving."""
    low, high = 0.0, 50.0
    for _ in range(60):
        middle = (low + high) / 2
        shape = [math.exp(middle * (math.cos(2 * math.pi * minute / MINUTES) - 1)) for minute in range(MINUTES)]
        low, high = (middle, high) if MINUTES / sum(shape) < peak else (low, middle)
    return low


def waits_s(mean: float, given: Given, capacity: float) -> list[float]:
    """Seconds that a request of each minute waits for its submit, first come first served, on the second of two like
    days: the night may not be long enough for what the day left."""
    backlog, waits = 0.0, []
    for coming in arrivals(mean, given.peak) * 2:
        backlog = max(0.0, backlog + coming - capacity)
        waits.append(backlog / capacity * 60)
    return waits[MINUTES:]


def worst_wait_s(mean: float, given: Given, capacity: float) -> float | None:
    """None where more comes in a day than can be started."""
    return None if mean >= capacity else max(waits_s(mean, given, capacity))


def first_limit(given: Given, ours: Ours) -> list[tuple[str, int]]:
    """What binds at how many videos a day, the first one first."""
    per_day = MINUTES / given.peak
    limits = {
        "the default quota of one model in one region, at the peak": given.quota_per_minute / ours.submits * per_day,
        "one worker": ours.in_flight / ours.generation_s * 60 * per_day,
        "one facade, every caller waiting": ours.waits / ours.generation_s * 60 * per_day,
        "Firestore's 500 writes a second beside an index that rises": given.firestore_sequential
        / ours.writes
        * 60
        * per_day,
    }
    return sorted(((name, int(number)) for name, number in limits.items()), key=lambda limit: limit[1])
