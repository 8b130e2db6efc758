"""The publisher's settings, parsed once in the composition root.

The API keys that callers may have. Settings hold digests: whoever reads them can't call with them.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import NoDecode

from schemas.settings import Settings

_PREFIX = "rb_"
"""So that people and secret scanners tell what it is."""


class ApiKey(BaseModel):
    """One key, by its caller's name. A caller may have two for a while, to change from one to the other."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


def new_key(name: str) -> tuple[str, ApiKey]:
    """A key of 256 random bits, and what the settings need to know of it. Raises `ValidationError` for a bad name."""
    key = _PREFIX + secrets.token_urlsafe(32)
    return key, ApiKey(name=name, sha256=_digest(key))


def caller_with(key: str, known: Sequence[ApiKey]) -> str | None:
    """Whose key it is. All are compared, each in constant time: how long it takes tells nothing."""
    digest = _digest(key)
    found = [each.name for each in known if hmac.compare_digest(each.sha256, digest)]
    return found[0] if found else None


def parse_keys(given: Any) -> Any:
    """The setting's JSON; anything else is left to be complained about."""
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given or "[]")
    except ValueError as error:
        raise ValueError('REELBUS_API_KEYS must be a JSON list of {"name": …, "sha256": …}') from error


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


WAIT_AT_MOST_S = 280
"""Node's fetch gives a silent server up after 300 s: we answer before that."""
GOOGLE_CERTS_URL = "https://www.googleapis.com/oauth2/v1/certs"


class PublisherSettings(Settings):
    """From the environment (`REELBUS_…`, and `PORT`) and a `.env` beside it."""

    model: str = Field(default="animatic:", description="What the workers make clips with; only plans look at it.")
    fast_models: str = Field(default="", description="What `fast` means on Vertex AI: ids in order, with commas.")
    quality_models: str = Field(default="", description="What `quality` means on Vertex AI: ids in order, with commas.")
    prices: str = Field(default="", description="A TOML or JSON file with prices instead of ours.")
    wait_s: float = Field(
        default=WAIT_AT_MOST_S, ge=0, le=WAIT_AT_MOST_S, description="How long a caller is kept waiting for its video."
    )
    reattach_s: float = Field(
        default=1800, ge=0, description="A keyless identical call comes back to an unanswered job for so long; 0 = off."
    )
    look_every_s: float = Field(default=30, gt=0, description="A look at the store per waiting job, in case of loss.")
    events_look_every_s: float = Field(default=1, gt=0, description="How often an event stream looks at its job.")
    heartbeat_s: float = Field(default=15, gt=0, description="Silence on an event stream is broken this often.")
    body_limit_bytes: int = Field(default=28_000_000, gt=0, description="The largest body taken: a 20-MB image.")
    body_within_s: float = Field(default=120, gt=0, description="How long a body may take to arrive.")
    bodies_limit_bytes: int = Field(
        default=84_000_000, gt=0, description="All bodies that one process reads at a time: three of the largest."
    )
    head_within_s: float = Field(default=10, gt=0, description="How long the head of a request may take to arrive.")
    send_within_s: float = Field(default=60, gt=0, description="How long a caller may take nothing of its answer.")
    max_connections: int = Field(default=12_000, gt=0, description="Connections of one process; fewer than files.")
    intake_at_once: int = Field(default=64, gt=0, description="How many requests one process takes in at a time.")
    max_waits: int = Field(default=10_000, gt=0, description="How many callers may wait at once in one process.")
    allowed_hosts: str = Field(
        default="",
        description="Names beside localhost and the public URL's by which callers reach the facade, with commas.",
    )
    open_to_all: bool = Field(
        default=False, description="Listen on a network although the facade asks nobody for a key."
    )
    api_keys: Annotated[tuple[ApiKey, ...], NoDecode, BeforeValidator(parse_keys)] = Field(
        default=(),
        description='Who may call, as JSON: [{"name": "acme", "sha256": "<hex>"}]; `reelbus key new` makes them.',
    )
    id_token_audience: str = Field(default="", description="Google ID tokens for this audience let their holder in.")
    id_token_emails: str = Field(default="", description="The accounts whose ID tokens are taken, with commas.")
    id_token_certs_url: str = Field(default=GOOGLE_CERTS_URL, description="Where the keys lie that sign ID tokens.")
    link_s: float = Field(
        default=3600, gt=0, description="With keys: how long a `video_url` of the local folder may be fetched."
    )
    api_key: SecretStr = Field(default=SecretStr(""), description="What the command line shows a facade (`--url`).")

    @model_validator(mode="after")
    def _tokens_are_of_somebody(self) -> Self:
        """Everybody who has a service account anywhere gets tokens for any audience."""
        if self.id_token_audience and not self.allowed_emails:
            raise ValueError("REELBUS_ID_TOKEN_EMAILS must name the accounts that may call")
        return self

    @property
    def knows_callers(self) -> bool:
        """True where only callers with a key or a token are let in, each to its own jobs."""
        return bool(self.api_keys or self.id_token_audience)

    @property
    def allowed_emails(self) -> frozenset[str]:
        """Which accounts' ID tokens are taken."""
        return frozenset(email.strip().lower() for email in self.id_token_emails.split(",") if email.strip())
