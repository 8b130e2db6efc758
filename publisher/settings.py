"""The publisher's settings, parsed once in the composition root, and the API keys of callers among them.

The settings hold digests of keys, so that a person who reads the settings can't call with them.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import NoDecode

from publisher.access import SCOPES, USUAL_SCOPES, Scope
from schemas.domain.budget_setting import Limits
from schemas.settings import Settings
from schemas.wire.types import Usd

_PREFIX = "rb_"
"""Lets people and secret scanners recognise a key."""


class ApiKey(BaseModel):
    """One key of a caller. A caller may have two keys for a while, to change from one to the other."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    scopes: tuple[Scope, ...] = Field(
        default=USUAL_SCOPES,
        min_length=1,
        max_length=len(SCOPES),
        exclude_if=lambda scopes: scopes == USUAL_SCOPES,  # release 0.1.0 refuses a key that it does not know
    )


def new_key(name: str, scopes: Sequence[str] = USUAL_SCOPES) -> tuple[str, ApiKey]:
    """Make a key of 256 random bits, and its entry for the settings. Raises `ValidationError` for a bad value."""
    key = _PREFIX + secrets.token_urlsafe(32)
    return key, ApiKey.model_validate({"name": name, "sha256": _digest(key), "scopes": scopes})


def find_key(key: str, known: Sequence[ApiKey]) -> ApiKey | None:
    """Return the entry of a key. All keys are compared, each in constant time: the duration reveals nothing."""
    digest = _digest(key)
    found = [each for each in known if hmac.compare_digest(each.sha256, digest)]
    return found[0] if found else None


def parse_keys(value: Any) -> Any:
    """Parse the JSON of the setting; pydantic rejects a value of another type."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value or "[]")
    except ValueError as error:
        raise ValueError('REELBUS_API_KEYS must be a JSON list of {"name": …, "sha256": …}') from error


_MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_ORIGIN = re.compile(r"https?://(?:\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::[0-9]{1,5})?")


def parse_model_names(value: Any) -> Any:
    """Parse `name=meaning,…` into a mapping; pydantic rejects a value of another type."""
    if not isinstance(value, str):
        return value
    named: dict[str, str] = {}
    for entry in filter(None, (part.strip() for part in value.split(","))):
        name, _, meaning = (part.strip() for part in entry.partition("="))
        if not _MODEL_NAME.fullmatch(name) or not _MODEL_NAME.fullmatch(meaning):
            raise ValueError(
                f"REELBUS_OPENAI_MODELS must be name=fast, name=quality or name=model, not {entry[:100]!r}"
            )
        named[name] = meaning
    return named


def parse_origins(value: Any) -> Any:
    """Parse origins, separated by commas; pydantic rejects a value of another type."""
    if not isinstance(value, str):
        return value
    origins = tuple(origin.strip().lower() for origin in value.split(",") if origin.strip())
    for origin in origins:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise ValueError(f"REELBUS_CORS_ORIGINS must be like https://app.example.com, not {origin[:100]!r}")
    return origins


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


WAIT_AT_MOST_S = 280
"""Node's fetch gives up on a silent server after 300 s: the facade answers before that."""
GOOGLE_CERTS_URL = "https://www.googleapis.com/oauth2/v1/certs"


class PublisherSettings(Settings):
    """From the environment (`REELBUS_…`, and `PORT`) and a `.env` beside it."""

    wait_s: float = Field(
        default=WAIT_AT_MOST_S, ge=0, le=WAIT_AT_MOST_S, description="How long a caller is kept waiting for its video."
    )
    reattach_s: float = Field(
        default=1800,
        ge=0,
        description="For how long an identical call without a key returns to an unanswered job; 0 = off.",
    )
    look_every_s: float = Field(
        default=30, gt=0, description="How often a waiting job is read from the store, in case a message was lost."
    )
    events_look_every_s: float = Field(
        default=1,
        gt=0,
        description="How often the event streams of a job read it; up to five times less often while nothing changes.",
    )
    heartbeat_s: float = Field(default=15, gt=0, description="How often a silent event stream sends a heartbeat.")
    body_limit_bytes: int = Field(
        default=28_000_000, gt=0, description="The largest body that is accepted: a 20-MB image."
    )
    body_within_s: float = Field(default=120, gt=0, description="How long a body may take to arrive.")
    bodies_limit_bytes: int = Field(
        default=84_000_000,
        gt=0,
        description="The size of all bodies that one process reads at a time: three of the largest.",
    )
    head_within_s: float = Field(default=10, gt=0, description="How long the head of a request may take to arrive.")
    send_within_s: float = Field(default=60, gt=0, description="How long a caller may read nothing of its answer.")
    max_connections: int = Field(
        default=12_000, gt=0, description="The most connections of one process; fewer than its open files."
    )
    intake_at_once: int = Field(default=64, gt=0, description="How many requests one process admits at a time.")
    max_waits: int = Field(default=10_000, gt=0, description="How many callers may wait in one process at a time.")
    max_queued_per_caller: int = Field(
        default=0, ge=0, description="How many jobs of one caller, or else project, may be queued; 0 = no limit."
    )
    allowed_hosts: str = Field(
        default="",
        description="Host names of the facade beside localhost and that of the public URL, with commas.",
    )
    console: bool = Field(default=True, description="Serve the web console under /console.")
    open_to_all: bool = Field(default=False, description="Listen on a network although callers need no key.")
    api_keys: Annotated[tuple[ApiKey, ...], NoDecode, BeforeValidator(parse_keys)] = Field(
        default=(),
        description='The callers\' keys as JSON: [{"name": "acme", "sha256": "<hex>"}], and perhaps "scopes"; '
        "`reelbus key new` makes them.",
    )
    id_token_audience: str = Field(default="", description="The audience of the Google ID tokens that are accepted.")
    id_token_emails: str = Field(default="", description="The accounts whose ID tokens are accepted, with commas.")
    id_token_operators: str = Field(
        default="", description="Further accounts whose ID tokens are accepted, with the scope operate, with commas."
    )
    id_token_certs_url: str = Field(
        default=GOOGLE_CERTS_URL, description="The address of the keys that sign ID tokens."
    )
    link_s: float = Field(
        default=3600, gt=0, description="With keys: how long a `video_url` of the local folder is valid."
    )
    openai_models: Annotated[Mapping[str, str], NoDecode, BeforeValidator(parse_model_names)] = Field(
        default_factory=lambda: {"sora-2": "fast", "sora-2-pro": "quality"},
        description="What the model names of `/v1/videos` stand for: `name=quality` or `name=model`, with commas.",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(parse_origins)] = Field(
        default=(),
        description="Origins whose web pages may call this facade, for example https://app.example.com, with commas; "
        "`*` = all, only with keys.",
    )
    mcp_max_cost_usd: Usd = Field(
        default=Decimal(0), description="The highest price of a video that an agent may order by the tools of `/mcp`."
    )
    budgets: Limits = Field(
        default=(), description="The workers' limits of spending, to show what is left of them; see docs/budgets.md."
    )
    retention_days: int = Field(
        default=0, ge=0, le=36_500, description="As the workers have it, to show when a video expires; 0: never."
    )
    api_key: SecretStr = Field(
        default=SecretStr(""), description="The key that the command line sends to a facade (`--url`)."
    )

    @model_validator(mode="after")
    def _check_cors_origins(self) -> Self:
        """Require keys for `*`: each page that a person opens could make videos at a facade without keys."""
        if "*" in self.cors_origins and not self.knows_callers:
            raise ValueError("REELBUS_CORS_ORIGINS may be * only if callers need a key; name the origins instead")
        return self

    @model_validator(mode="after")
    def _check_id_token_emails(self) -> Self:
        """Require accounts: every service account of every Google project can get tokens for any audience."""
        if self.id_token_audience and not self.id_token_accounts:
            raise ValueError("REELBUS_ID_TOKEN_EMAILS must name the accounts that may call")
        return self

    @property
    def knows_callers(self) -> bool:
        """True if only callers with a key or a token are admitted, each to its own jobs."""
        return bool(self.api_keys or self.id_token_audience)

    @property
    def id_token_accounts(self) -> frozenset[str]:
        """The accounts whose ID tokens are accepted, in lower case."""
        return _split_emails(self.id_token_emails) | self.id_token_operator_accounts

    @property
    def id_token_operator_accounts(self) -> frozenset[str]:
        """Those of them that have the scope `operate`, in lower case."""
        return _split_emails(self.id_token_operators)


def _split_emails(emails: str) -> frozenset[str]:
    return frozenset(email.strip().lower() for email in emails.split(",") if email.strip())
