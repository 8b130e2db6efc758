"""Endpoints of the settings: addresses that hear of the ends of all jobs, or of those that a filter lets through.

An endpoint hears of the ends of films only if its `events` name them: a receiver of today must not meet a type that it
does not know.
"""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, ValidationInfo, field_validator

from schemas.errors import Invalid
from schemas.wire.validation import to_invalid
from schemas.wire.webhook import WebhookEvent, WebhookUrl
from schemas.wire.webhook_address import AddressPolicy

FROM_REQUEST = "request"
"""The endpoint of an address that a request names."""
ENDPOINTS_AT_MOST = 20
ENDPOINT_NAME = r"^[a-z][a-z0-9-]{0,31}$"


class EndpointEvent(StrEnum):
    """An end of a job or of a film that an endpoint may choose."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    FILM_SUCCEEDED = "film.succeeded"
    FILM_HELD = "film.held"
    FILM_FAILED = "film.failed"
    FILM_CANCELLED = "film.cancelled"


OF_FILMS = "film."
"""What the events of films begin with."""


class WebhookEndpoint(BaseModel):
    """One address of the operator's. It has a secret of its own, derived from the masters and its name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=ENDPOINT_NAME)
    url: WebhookUrl = Field(repr=False)
    events: tuple[EndpointEvent, ...] = Field(default=tuple(map(EndpointEvent, WebhookEvent)), min_length=1)
    project_id: str | None = None
    """Only jobs and films of this project; None: of all."""
    labels: Mapping[str, str] = {}
    """Only jobs that have all of these labels. Films have none."""

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str) -> str:
        if name == FROM_REQUEST:
            raise ValueError(f"{name} stands for the addresses that requests name")
        return name

    @field_validator("labels")
    @classmethod
    def _fit_the_events(cls, labels: Mapping[str, str], info: ValidationInfo) -> Mapping[str, str]:
        events = info.data.get("events", ())
        if labels and (of_films := next((event for event in events if event.startswith(OF_FILMS)), None)):
            raise ValueError(f"must be absent with the event {of_films}: films have no labels")
        return labels

    def wants(self, event: str, *, project_id: str | None, labels: Mapping[str, str]) -> bool:
        """Return whether the endpoint hears of this end: `failed` of a job, `film.failed` of a film."""
        is_of_project = self.project_id in (None, project_id)
        return event in self.events and is_of_project and self.labels.items() <= labels.items()


_ENDPOINTS = TypeAdapter(tuple[WebhookEndpoint, ...])


def parse_endpoints(text: str, policy: AddressPolicy) -> tuple[WebhookEndpoint, ...]:
    """Read the setting, a JSON list. Raises `ValueError` that names the endpoint and the field, and no address."""
    if not text.strip():
        return ()
    try:
        endpoints = _ENDPOINTS.validate_json(text)
    except ValidationError as error:
        raise ValueError(f"must be a JSON list of endpoints; {to_invalid(error)}") from None
    names = [endpoint.name for endpoint in endpoints]
    if len(names) > ENDPOINTS_AT_MOST:
        raise ValueError(f"must have at most {ENDPOINTS_AT_MOST} endpoints, not {len(names)}")
    if again := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"must have endpoints with different names, and {again} is given twice")
    for endpoint in endpoints:
        try:
            policy.check_url(endpoint.url, field="url")
        except Invalid as error:
            raise ValueError(f"endpoint {endpoint.name}: {error}") from None
    return endpoints
