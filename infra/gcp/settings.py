"""Parses the URLs of Google's services, and holds the settings of the bucket and of Vertex AI.

Imports nothing of Google's, so that a wrong URL is reported before the client libraries are loaded.
"""

import os
import re
from dataclasses import dataclass
from typing import Literal, Self
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas.errors import Invalid

DEFAULT_DATABASE = "(default)"
TTL_AT_MOST_S = 7 * 24 * 3600
"""The longest life of a V4 signature: https://cloud.google.com/storage/docs/access-control/signed-urls"""
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


def project_in(url: SplitResult) -> str:
    """Return the project of `pubsub://project`. Raises `Invalid`."""
    return _names(url, "REELBUS_BUS", "pubsub://project", at_most=1)[0]


def trace_project(*urls: str) -> str:
    """Return the project of the first of these addresses that is in one; else GOOGLE_CLOUD_PROJECT, or nothing."""
    schemes = ("pubsub", "firestore", "vertex")
    projects = (parts.netloc for parts in map(urlsplit, urls) if parts.scheme in schemes)
    return next(filter(None, projects), os.environ.get("GOOGLE_CLOUD_PROJECT", ""))


def database_in(url: SplitResult) -> tuple[str, str]:
    """Return project and database of `firestore://project/database`. Raises `Invalid`."""
    project, *database = _names(url, "REELBUS_JOBS", "firestore://project/database", at_most=2)
    return project, database[0] if database else DEFAULT_DATABASE


EVALUATION = "REELBUS_EVALUATION"


def place_in(url: SplitResult, setting: str = "REELBUS_PROVIDER") -> tuple[str, str]:
    """Return project and location of `vertex://project/location`; the location may be empty. Raises `Invalid`."""
    project, *location = _names(url, setting, "vertex://project or vertex://project/location", at_most=2)
    return project, location[0] if location else ""


def _names(url: SplitResult, setting: str, wanted: str, *, at_most: int) -> list[str]:
    names = [url.netloc, *filter(None, url.path.split("/"))]
    if not url.netloc or len(names) > at_most or url.query or url.fragment:
        raise Invalid(f"{setting}: must be {wanted}, not {url.geturl()}", field=setting)
    return names


class _Query(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    urls: Literal["public", "signed"] = "public"
    ttl: int = Field(default=3600, ge=1, le=TTL_AT_MOST_S)
    signer: str = Field(default="", pattern=r"^([A-Za-z0-9._-]{1,128}@[A-Za-z0-9.-]{1,128})?$")
    base: str = Field(default="", pattern=r"^(https?://[^?#\s]+)?$")

    @model_validator(mode="after")
    def _check_combination(self) -> Self:
        """Refuse an option that would be ignored."""
        if (self.base and self.urls == "signed") or (self.signer and self.urls != "signed"):
            raise ValueError("base is for public addresses, signer for signed ones")
        return self


@dataclass(frozen=True, kw_only=True, slots=True)
class BucketSettings:
    """The bucket, and how viewers read its files."""

    bucket: str
    signed: bool = False
    """True: every URL is signed when it is requested. False: the bucket's final videos are public."""
    ttl_s: int = 3600
    """How long a signed URL is valid."""
    signer: str = ""
    """The service account that signs; empty: that of the credentials."""
    base_url: str = ""
    """The start of public URLs, for example a CDN's address; empty: Cloud Storage's address and the bucket."""
    reference_buckets: frozenset[str] = frozenset()
    """Other buckets from which a caller's reference image may be read."""


def bucket_settings(url: SplitResult, *, reference_buckets: str = "") -> BucketSettings:
    """Parse the URL of a bucket, such as `gs://bucket?urls=signed&ttl=3600`, and a list of buckets.

    Raises `Invalid`.
    """
    try:
        pairs = parse_qsl(url.query, keep_blank_values=True, strict_parsing=bool(url.query))
        query = _Query.model_validate(dict(pairs))
    except (ValidationError, ValueError) as error:
        raise _invalid_bucket_url(url) from error
    if not url.netloc or url.path.strip("/") or url.fragment:
        raise _invalid_bucket_url(url)
    buckets = frozenset(name.strip() for name in reference_buckets.split(",") if name.strip())
    for name in buckets:
        if not _BUCKET.fullmatch(name):
            setting = "REELBUS_REFERENCE_BUCKETS"
            raise Invalid(f"{setting}: must be names of buckets, with commas between them, not {name!r}", field=setting)
    return BucketSettings(
        bucket=url.netloc,
        signed=query.urls == "signed",
        ttl_s=query.ttl,
        signer=query.signer,
        base_url=query.base.rstrip("/"),
        reference_buckets=buckets,
    )


def _invalid_bucket_url(url: SplitResult) -> Invalid:
    wanted = (
        "gs://bucket, perhaps with ?urls=signed&ttl=<seconds, 604800 at most>&signer=<service account> "
        "or ?base=https://cdn.example.com"
    )
    return Invalid(f"REELBUS_VIDEOS: must be {wanted}, not {url.geturl()}", field="REELBUS_VIDEOS")


@dataclass(frozen=True, kw_only=True, slots=True)
class VertexSettings:
    """The settings beside `vertex://project/location`, still as text: they are parsed only if that model is in use."""

    videos_url: str = ""
    """The video store. Google writes the videos itself, so it must be a bucket."""
    base_url: str = ""
    """A private endpoint or a proxy; empty: Google's own endpoint."""
    fast_models: str = ""
    quality_models: str = ""
    prices: str = ""
    """The path of a file whose prices replace ours."""
