"""The settings that publisher and worker share, and how all settings are read from the environment and from `.env`.

- An empty variable counts as not set.
- Quotation marks around a value are removed: `docker --env-file` keeps them.
- Variables that Kubernetes and Docker make for a service called reelbus are ignored.
- Any other `REELBUS_…` that no part of reelbus knows stops the start: a mistyped budget must not mean no budget.
"""

import difflib
import io
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote, urlsplit

from dotenv.parser import parse_stream
from pydantic import AfterValidator, BaseModel, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from schemas.errors import Invalid
from schemas.wire.webhook import parse_secrets
from schemas.wire.webhook_address import AddressPolicy, parse_policy
from schemas.wire.webhook_keys import parse_signing_keys


def _check_utf8(path: Path) -> Path:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise ValueError("must be a path in UTF-8") from None
    return path


class Addresses(BaseModel):
    """The URLs of the adapters and of the facade. The embedded default is stored under `data_dir`."""

    data_dir: Annotated[Path, AfterValidator(_check_utf8)] = Field(
        default=Path(".reelbus"), description="Folder of the embedded default."
    )
    bus: str = Field(default="", description="sqlite:///… or pubsub://project")
    jobs: str = Field(default="", description="sqlite:///… or firestore://project/database")
    videos: str = Field(default="", description="file:///… or gs://bucket")
    reference_buckets: str = Field(
        default="",
        description="Further buckets from which reference images may be read: names, separated by commas.",
    )
    provider: str = Field(
        default="",
        description="What makes the clips: animatic: (the default) or vertex://project/location. Only workers call it.",
    )
    model: str = Field(default="animatic:", description="The former name of `provider`.")
    fast_models: str = Field(default="", description="What `fast` means on Vertex AI: ids in order, with commas.")
    quality_models: str = Field(default="", description="What `quality` means on Vertex AI: ids in order, with commas.")
    prices: str = Field(default="", description="A TOML or JSON file with prices instead of the built-in ones.")
    evaluation: str = Field(
        default="", description="vertex://project/location of the service that scores videos; needs an evaluator."
    )
    vertex_base_url: str = Field(default="", description="Another address of Vertex AI: a private endpoint, a proxy.")
    renderers: int = Field(default=os.cpu_count() or 1, ge=1, description="Processes of the local renderer.")
    submits_per_minute: float = Field(default=50, gt=0, description="The quota of one model, shared by all workers.")
    public_url: str = Field(
        default="", description="How viewers reach the facade, for example https://video.example.com"
    )
    host: str = Field(default="127.0.0.1", description="Address that a service listens on.")
    port: int = Field(default=8000, ge=0, le=65535, validation_alias="PORT", description="The facade's port.")

    metrics_port: int = Field(
        default=0, ge=0, le=65535, description="Port of a service's metrics for Prometheus, on REELBUS_HOST; 0: none."
    )
    webhook_secrets: SecretStr = Field(
        default=SecretStr(""),
        description="Masters that callers' webhook secrets are derived from: whsec_…, with commas; all of them sign. "
        "Ed25519 keys of this installation, whsk_…, sign besides.",
    )
    webhook_networks: str = Field(
        default="", description="Networks that webhooks may reach beside public addresses: 10.1.0.0/16, with commas."
    )
    webhook_ports: str = Field(default="443", description="Ports of public addresses that webhooks may use.")

    c2pa_certificate: str = Field(
        default="",
        description="A certificate chain in PEM, or the path of its file: workers sign the manifests (C2PA) of videos "
        "that they cut or join; see docs/provenance.md.",
    )
    c2pa_key: SecretStr = Field(
        default=SecretStr(""), description="Its private key in PEM, or the path of the key's file."
    )

    event_loop: Literal["auto", "asyncio", "uvloop"] = Field(
        default="auto", description="The event loop of the services; auto: uvloop if it is installed."
    )
    log_level: str = Field(default="INFO", pattern=r"(?i)^(debug|info|warning|error)$")

    @field_validator("public_url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        """Refuse what is no web address, since each URL that is shown to a viewer begins with it."""
        try:
            parts = urlsplit(url)
            is_reachable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:  # a port that is no number, or half an IPv6 address
            is_reachable = False
        is_plain = url.isascii() and url.isprintable() and not re.search(r"[ ?#@\\<>\"]", url)
        if url and not (is_reachable and is_plain):
            raise ValueError("public_url must be an address such as https://video.example.com, or with a path")
        return url

    @model_validator(mode="after")
    def _check_provider(self) -> Self:
        """Refuse two addresses: the one that is ignored may be the one that was meant."""
        if self.provider and "model" in self.model_fields_set and self.model != self.provider:
            raise ValueError("REELBUS_MODEL is the former name of REELBUS_PROVIDER, and must not name another one")
        return self

    @model_validator(mode="after")
    def _check_webhooks(self) -> Self:
        """Refuse what would only fail at the first webhook."""
        parse_policy(self.webhook_networks, self.webhook_ports)
        try:
            text, has_own_master = self.webhook_secrets.get_secret_value(), self.jobs_url.startswith("sqlite:")
            if parse_signing_keys(text) and not parse_secrets(text) and not has_own_master:
                raise ValueError("must have a master whsec_ beside its keys whsk_")
            parse_secrets(text)
        except ValueError as error:
            raise ValueError(f"REELBUS_WEBHOOK_SECRETS {error}") from None
        return self

    @model_validator(mode="after")
    def _check_provenance(self) -> Self:
        if bool(self.c2pa_certificate) != bool(self.c2pa_key.get_secret_value()):
            raise ValueError("REELBUS_C2PA_CERTIFICATE and REELBUS_C2PA_KEY must both be set, or none of them")
        return self

    @property
    def webhook_policy(self) -> AddressPolicy:
        """Where webhooks may go."""
        return parse_policy(self.webhook_networks, self.webhook_ports)

    @property
    def provider_url(self) -> str:
        """Address of the provider of video models."""
        return self.provider or self.model

    @property
    def database_url(self) -> str:
        """The address of the embedded database."""
        return f"sqlite://{quote(str(self.data_dir.absolute() / 'reelbus.db'))}"

    @property
    def bus_url(self) -> str:
        """The address of the bus."""
        return self.bus or self.database_url

    @property
    def jobs_url(self) -> str:
        """The address of the job store."""
        return self.jobs or self.database_url

    @property
    def videos_url(self) -> str:
        """The address of the video store."""
        return self.videos or f"file://{quote(str(self.data_dir.absolute() / 'videos'))}"

    @property
    def reports_dir(self) -> Path:
        """Where the local renderers report their progress to a facade on the same machine."""
        return self.data_dir.absolute() / "progress"

    @property
    def is_embedded(self) -> bool:
        """True if a part of the embedded default is in use."""
        return not (self.bus and self.jobs and self.videos)

    @property
    def facade_url(self) -> str:
        """The address of the facade, without a slash at the end."""
        return (self.public_url or f"http://localhost:{self.port}").rstrip("/")


PREFIX = "REELBUS_"
NAMES = frozenset(name.upper() for name in Addresses.model_fields) | frozenset(
    [
        "ACK_DEADLINE_S",
        "ALLOWED_HOSTS",
        "API_KEY",
        "API_KEYS",
        "BODIES_LIMIT_BYTES",
        "BODY_LIMIT_BYTES",
        "BODY_WITHIN_S",
        "BUDGETS",
        "CANCEL_LOOK_S",
        "CHECKS",
        "CHECK_RULES",
        "CHECK_WITHIN_S",
        "CONSOLE",
        "CORS_ORIGINS",
        "DRAIN_S",
        "EVALUATIONS_PER_DAY",
        "EVALUATION_BASE_URL",
        "EVALUATION_METRIC",
        "EVALUATION_PAUSE_S",
        "EVALUATION_PRICE_USD",
        "EVALUATION_SHARE",
        "EVALUATION_TIMEOUT_S",
        "EVENTS_LOOK_EVERY_S",
        "GENERATION_S",
        "HEAD_WITHIN_S",
        "HEALTH_PORT",
        "HEARTBEAT_S",
        "ID_TOKEN_AUDIENCE",
        "ID_TOKEN_CERTS_URL",
        "ID_TOKEN_EMAILS",
        "ID_TOKEN_OPERATORS",
        "INTAKE_AT_ONCE",
        "IN_FLIGHT",
        "LINK_S",
        "LOOK_EVERY_S",
        "MAX_CONNECTIONS",
        "MAX_QUEUED_PER_CALLER",
        "MAX_WAITS",
        "MCP_MAX_COST_USD",
        "OPENAI_MODELS",
        "OPEN_TO_ALL",
        "PREFETCH",
        "REATTACH_S",
        "RECONCILE_EVERY_S",
        "RETENTION_DAYS",
        "SEARCH_EVERY_S",
        "SEND_WITHIN_S",
        "STORING_S",
        "SUBMITTING_HOLD_S",
        "SUBMIT_TIMEOUT_S",
        "SUBMIT_WITHIN_S",
        "URL",
        "WAIT_S",
        "WEBHOOK_ENDPOINTS",
        "WORKERS",
        "WORK_DAYS",
    ]
)
"""The variables of facade, worker and client libraries, without the prefix. All of them may share one environment."""
_SERVICE_LINK = re.compile(r"(?:[A-Z0-9_]+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_[0-9]+_[A-Z0-9_]+)")
_SERVICE_ADDRESS = re.compile(r"(?:tcp|udp|sctp)://\S*")


class Settings(Addresses, BaseSettings):
    """Each field is read from `REELBUS_<NAME>` (and `PORT` for the facade's port) in the environment or in `.env`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8-sig",
        env_ignore_empty=True,
        allow_inf_nan=False,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    def __init__(self, **given: Any) -> None:
        """Raises `Invalid` for a file or a name that would be ignored, and `ValidationError` for a value."""
        _check_file(Path(str(self.model_config["env_file"])))
        super().__init__(**given)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment before `.env`. Raises `Invalid` for an unknown setting."""
        known = NAMES | {name.upper() for name in cls.model_fields}
        for source in (env_settings, dotenv_settings):
            if isinstance(source, EnvSettingsSource):
                source.env_vars = _select_settings(source.env_vars, known)
        return init_settings, env_settings, dotenv_settings


def _check_file(path: Path) -> None:
    """Raise `Invalid` for a file with a setting that can't be parsed: the library would ignore it."""
    if not path.is_file():
        return
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise Invalid(f"{path} can't be read: {error.strerror}", field=str(path)) from error
    except UnicodeDecodeError as error:
        raise Invalid(f"{path} must be a text in UTF-8", field=str(path)) from error
    for statement in parse_stream(io.StringIO(text)):
        if statement.error and PREFIX in statement.original.string.upper():
            raise Invalid(
                f"line {statement.original.line} of {path} must be NAME=value, with both quotation marks or none",
                field=str(path),
            )


def _select_settings(variables: Mapping[str, str | None], known: frozenset[str]) -> dict[str, Any]:
    """Return the variables that are set, without quotation marks. Their names are in small letters."""
    settings, unknown = dict[str, Any](), list[str]()
    for variable, value in variables.items():
        text = (value or "").strip()
        if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
            text = text[1:-1].strip()
        has_prefix, name = variable.upper().startswith(PREFIX), variable.upper().removeprefix(PREFIX)
        if not text or _is_service_link(name, text):
            continue
        if has_prefix and name not in known:
            unknown.append(name)
        settings[variable] = text
    if unknown:
        raise Invalid(" ".join(_complaint(name, known) for name in sorted(unknown)), field=PREFIX + min(unknown))
    return settings


def _is_service_link(name: str, value: str) -> bool:
    """Return whether Kubernetes or Docker made the variable, to say where a service listens."""
    is_address = name.endswith("PORT") and _SERVICE_ADDRESS.fullmatch(value) is not None
    return is_address or _SERVICE_LINK.fullmatch(name) is not None


def _complaint(name: str, known: frozenset[str]) -> str:
    similar = difflib.get_close_matches(name, sorted(known), n=1)
    meant = f"; did you mean {PREFIX}{similar[0]}?" if similar else "."
    return f"{PREFIX}{name} is not a setting of this version{meant}"
