"""Reads the addresses of Google's services. Imports nothing of Google's: a wrong address is told before that.

What the address of a bucket says: `gs://bucket?urls=signed&ttl=3600`.

What the settings say about Vertex AI, still as text: nothing of it is looked at while another model is in use.
"""

import re
from dataclasses import dataclass
from typing import Literal, Self
from urllib.parse import SplitResult, parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas.errors import Invalid

DEFAULT_DATABASE = "(default)"


def project_in(url: SplitResult) -> str:
    """Of `pubsub://project`. Raises `Invalid`."""
    return _names(url, "REELBUS_BUS", "pubsub://project", at_most=1)[0]


def database_in(url: SplitResult) -> tuple[str, str]:
    """Project and database of `firestore://project/database`. Raises `Invalid`."""
    project, *database = _names(url, "REELBUS_JOBS", "firestore://project/database", at_most=2)
    return project, database[0] if database else DEFAULT_DATABASE


def _names(url: SplitResult, setting: str, wanted: str, *, at_most: int) -> list[str]:
    names = [url.netloc, *filter(None, url.path.split("/"))]
    if not url.netloc or len(names) > at_most or url.query or url.fragment:
        raise Invalid(f"{setting}: must be {wanted}, not {url.geturl()}", field=setting)
    return names


TTL_AT_MOST_S = 7 * 24 * 3600
"""Of a V4 signature: https://cloud.google.com/storage/docs/access-control/signed-urls"""
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


class _Query(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    urls: Literal["public", "signed"] = "public"
    ttl: int = Field(default=3600, ge=1, le=TTL_AT_MOST_S)
    signer: str = Field(default="", pattern=r"^([A-Za-z0-9._-]{1,128}@[A-Za-z0-9.-]{1,128})?$")
    base: str = Field(default="", pattern=r"^(https?://[^?#\s]+)?$")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        """An option that would be ignored is a mistake."""
        if (self.base and self.urls == "signed") or (self.signer and self.urls != "signed"):
            raise ValueError("base is for public addresses, signer for signed ones")
        return self


@dataclass(frozen=True, kw_only=True, slots=True)
class BucketSettings:
    """Which bucket, and how a viewer gets at what is in it."""

    bucket: str
    signed: bool = False
    """True: every URL is signed when it is asked for. False: the bucket's finals are public."""
    ttl_s: int = 3600
    """How long a signed URL lives."""
    signer: str = ""
    """The service account whose signature it bears; empty: that of the credentials."""
    base_url: str = ""
    """What public URLs begin with, for example a CDN's address; empty: Cloud Storage's own and the bucket."""
    reference_buckets: frozenset[str] = frozenset()
    """Other buckets in which a caller's reference image may lie."""


def bucket_settings(url: SplitResult, *, reference_buckets: str = "") -> BucketSettings:
    """Raises `Invalid` for an address that is none, and for a list of buckets that holds something else."""
    try:
        pairs = parse_qsl(url.query, keep_blank_values=True, strict_parsing=bool(url.query))
        query = _Query.model_validate(dict(pairs))
    except (ValidationError, ValueError) as error:
        raise _no_address(url) from error
    if not url.netloc or url.path.strip("/") or url.fragment:
        raise _no_address(url)
    return BucketSettings(
        bucket=url.netloc,
        signed=query.urls == "signed",
        ttl_s=query.ttl,
        signer=query.signer,
        base_url=query.base.rstrip("/"),
        reference_buckets=_buckets(reference_buckets),
    )


def _buckets(names: str) -> frozenset[str]:
    found = frozenset(name.strip() for name in names.split(",") if name.strip())
    for name in found:
        if not _BUCKET.fullmatch(name):
            setting = "REELBUS_REFERENCE_BUCKETS"
            raise Invalid(f"{setting}: must be names of buckets, with commas between them, not {name!r}", field=setting)
    return found


def _no_address(url: SplitResult) -> Invalid:
    wanted = (
        "gs://bucket, perhaps with ?urls=signed&ttl=<seconds, 604800 at most>&signer=<service account> "
        "or ?base=https://cdn.example.com"
    )
    return Invalid(f"REELBUS_VIDEOS: must be {wanted}, not {url.geturl()}", field="REELBUS_VIDEOS")


@dataclass(frozen=True, kw_only=True, slots=True)
class VertexSettings:
    """Beside the address `vertex://project/location`."""

    videos_url: str = ""
    """Where the films go: Google writes them itself, so it must be a bucket."""
    base_url: str = ""
    """A private endpoint or a proxy; empty is Google's own."""
    fast_models: str = ""
    quality_models: str = ""
    prices: str = ""
    """A file whose prices replace ours."""
