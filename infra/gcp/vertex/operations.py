"""The name of an accepted operation, as the ledger keeps it: any process can poll from the name alone.

What a finished operation left behind, still at its addresses in the cloud.
"""

import base64
from dataclasses import dataclass, field
from decimal import Decimal

from infra.gcp.vertex.failures import foreign_bucket_failure
from infra.gcp.vertex.models import Family
from schemas.errors import NotFound
from schemas.ports import GenerationDone, GenerationFailed


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """Written `veo:projects/P/locations/L/…/operations/ID` or `omni:projects/P/locations/L/interactions/ID`."""

    family: Family
    resource: str

    @classmethod
    def parse(cls, name: str) -> "Operation":
        """Raises `NotFound` for a name that is none of ours."""
        family, _, resource = name.partition(":")
        parts = resource.split("/")
        if family not in tuple(Family) or parts[::2][:2] != ["projects", "locations"] or len(parts) < 6:
            raise NotFound(f"{name[:200]!r} is no operation of Vertex AI")
        return cls(family=Family(family), resource=resource)

    def __str__(self) -> str:
        return f"{self.family}:{self.resource}"

    @property
    def place(self) -> "Location":
        """Where it runs."""
        parts = self.resource.split("/")
        return Location(project=parts[1], location=parts[3])

    @property
    def id(self) -> str:
        """The last part of its name."""
        return self.resource.rpartition("/")[2]


def accepted_operation(family: Family, place: "Location", name: str) -> Operation:
    """The operation that an answer to a submit names: Veo by its whole name, Omni by its id."""
    resource = name if family is Family.VEO else f"{place}/interactions/{name.rpartition('/')[2]}"
    return Operation(family=family, resource=resource)


@dataclass(frozen=True, kw_only=True, slots=True)
class Location:
    """A project, and where in the world it asks."""

    project: str
    location: str

    def __str__(self) -> str:
        return f"projects/{self.project}/locations/{self.location}"


@dataclass(frozen=True, kw_only=True, slots=True)
class GeneratedFiles:
    """The files of an operation: at least one, at an address or inside the answer itself."""

    uris: tuple[str, ...] = ()
    films: tuple[bytes, ...] = field(default=(), repr=False)
    model: str = ""
    video_tokens: int = 0
    """What the answer counts; 0 if it counts nothing."""

    def in_store(self, bucket: str, price_usd: Decimal | None = None) -> GenerationDone | GenerationFailed:
        """The same files by their names in the video store."""
        root = f"gs://{bucket}/"
        names = tuple(uri.removeprefix(root) for uri in self.uris if uri.startswith(root))
        if names or self.films:
            return GenerationDone(outputs=names, films=() if names else self.films, price_usd=price_usd)
        return GenerationFailed(failure=foreign_bucket_failure(self.uris[0] if self.uris else ""))


def read_base64(data: object) -> bytes:
    """The bytes of an inline file; empty if there are none, or if they can't be read."""
    if isinstance(data, bytes):
        return data
    text = "".join(str(data or "").rpartition(",")[2].split())  # behind the head of a `data:` URL
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_" if {"-", "_"} & set(text) else None)
    except ValueError:
        return b""
