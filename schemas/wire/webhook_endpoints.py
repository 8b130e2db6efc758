"""Endpoints of the settings: addresses that hear of the ends of all jobs, or of those that a filter lets through."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from schemas.errors import Invalid
from schemas.wire.webhook import WebhookEvent, WebhookUrl
from schemas.wire.webhook_address import AddressPolicy

FROM_REQUEST = "request"
"""The endpoint of an address that a request names."""
ENDPOINTS_AT_MOST = 20
ENDPOINT_NAME = r"^[a-z][a-z0-9-]{0,31}$"


class WebhookEndpoint(BaseModel):
    """One address of the operator's. It has a secret of its own, derived from the masters and its name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=ENDPOINT_NAME)
    url: WebhookUrl = Field(repr=False)
    events: tuple[WebhookEvent, ...] = Field(default=tuple(WebhookEvent), min_length=1)
    project_id: str | None = None
    """Only jobs of this project; None: of all."""
    labels: Mapping[str, str] = {}
    """Only jobs that have all of these labels."""

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str) -> str:
        if name == FROM_REQUEST:
            raise ValueError(f"{name} stands for the addresses that requests name")
        return name

    def wants(self, state: str, *, project_id: str | None, labels: Mapping[str, str]) -> bool:
        """Return whether the endpoint hears of this end of a job."""
        is_of_project = self.project_id in (None, project_id)
        return state in self.events and is_of_project and self.labels.items() <= labels.items()


_ENDPOINTS = TypeAdapter(tuple[WebhookEndpoint, ...])


def parse_endpoints(text: str, policy: AddressPolicy) -> tuple[WebhookEndpoint, ...]:
    """Read the setting, a JSON list. Raises `ValueError` that names the endpoint and the field, and no address."""
    if not text.strip():
        return ()
    try:
        endpoints = _ENDPOINTS.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"must be a JSON list of endpoints; {place}: {first['msg']}".replace("; :", ";")) from None
    names = [endpoint.name for endpoint in endpoints]
    if len(names) > ENDPOINTS_AT_MOST or len(names) != len(set(names)):
        raise ValueError(f"must have at most {ENDPOINTS_AT_MOST} endpoints, each with a name of its own")
    for endpoint in endpoints:
        try:
            policy.check_url(endpoint.url, field="url")
        except Invalid as error:
            raise ValueError(f"endpoint {endpoint.name}: {error}") from None
    return endpoints
