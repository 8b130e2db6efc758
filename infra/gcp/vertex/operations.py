"""The name of an accepted operation, from which any process can poll, and the files that a finished one has made."""

import base64
from dataclasses import dataclass, field
from decimal import Decimal
from urllib.parse import unquote, urlsplit

from infra.gcp.vertex.failures import foreign_bucket_failure
from infra.gcp.vertex.models import Family
from schemas.errors import NotFound
from schemas.ports import GenerationDone, GenerationFailed

_STORAGE = "storage.googleapis.com"


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """An accepted operation.

    As text `veo:projects/P/locations/L/…/operations/ID` or `omni:projects/P/locations/L/interactions/ID`.
    """

    family: Family
    resource: str

    @classmethod
    def parse(cls, name: str) -> "Operation":
        """Parse the text form. Raises `NotFound` for any other text."""
        family, _, resource = name.partition(":")
        parts = resource.split("/")
        if family not in tuple(Family) or parts[::2][:2] != ["projects", "locations"] or len(parts) < 6:
            raise NotFound(f"{name[:200]!r} is no operation of Vertex AI")
        return cls(family=Family(family), resource=resource)

    def __str__(self) -> str:
        return f"{self.family}:{self.resource}"

    @property
    def location(self) -> "Location":
        """The project and location in which it runs."""
        parts = self.resource.split("/")
        return Location(project=parts[1], location=parts[3])

    @property
    def id(self) -> str:
        """The last part of its name."""
        return self.resource.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class Location:
    """A project, and a region of Google Cloud or `global`."""

    project: str
    location: str

    def __str__(self) -> str:
        return f"projects/{self.project}/locations/{self.location}"


@dataclass(frozen=True, kw_only=True, slots=True)
class GeneratedFiles:
    """The files of an operation: at least one, at a URI or inside the answer."""

    uris: tuple[str, ...] = ()
    films: tuple[bytes, ...] = field(default=(), repr=False)
    """The contents of files inside the answer."""
    model: str = ""
    video_tokens: int = 0
    """The count in the answer; 0 if there is none."""

    def in_store(self, bucket: str, price_usd: Decimal | None = None) -> GenerationDone | GenerationFailed:
        """Return the same files by their names in the video store."""
        names = tuple(name for uri in self.uris if (name := name_in(bucket, uri)))
        if names or self.films:
            return GenerationDone(outputs=names, films=() if names else self.films, price_usd=price_usd)
        return GenerationFailed(failure=foreign_bucket_failure(self.uris[0] if self.uris else ""))


def name_in(bucket: str, uri: str) -> str:
    """Return the name of a file in a bucket, by its `gs://` or `https://` address; empty if the file is elsewhere.

    Source of the `https://` forms: https://cloud.google.com/storage/docs/request-endpoints, "XML API".
    """
    root = f"gs://{bucket}/"
    if uri.startswith(root):
        return uri.removeprefix(root)
    try:
        address = urlsplit(uri)
        root = {_STORAGE: f"/{bucket}/", f"{bucket}.{_STORAGE}": "/"}[address.hostname or ""]
    except (ValueError, KeyError):
        return ""
    is_inside = address.scheme == "https" and address.path.startswith(root)
    return unquote(address.path.removeprefix(root)) if is_inside else ""


def decode_base64(data: object) -> bytes:
    """Return the bytes of an inline file; empty if there are none, or if the text is not Base64."""
    if isinstance(data, bytes):
        return data
    text = "".join(str(data or "").rpartition(",")[2].split())  # after the prefix of a `data:` URL
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_" if {"-", "_"} & set(text) else None)
    except ValueError:
        return b""
