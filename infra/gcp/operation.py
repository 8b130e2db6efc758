"""The name of an accepted operation, as the ledger keeps it: any process can poll from the name alone."""

from dataclasses import dataclass

from infra.gcp.models import Family
from schemas.errors import NotFound


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
    def place(self) -> "Place":
        """Where it runs."""
        parts = self.resource.split("/")
        return Place(project=parts[1], location=parts[3])

    @property
    def id(self) -> str:
        """The last part of its name."""
        return self.resource.rpartition("/")[2]


def accepted_operation(family: Family, place: "Place", name: str) -> Operation:
    """The operation that an answer to a submit names: Veo by its whole name, Omni by its id."""
    resource = name if family is Family.VEO else f"{place}/interactions/{name.rpartition('/')[2]}"
    return Operation(family=family, resource=resource)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A project, and where in the world it asks."""

    project: str
    location: str

    def __str__(self) -> str:
        return f"projects/{self.project}/locations/{self.location}"
