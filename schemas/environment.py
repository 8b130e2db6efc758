"""Reads settings from an environment that others fill, too: shells, Compose, Kubernetes, and people who mistype.

An empty variable is one that is not set. What Kubernetes adds for a Service that happens to be called reelbus is not
ours. Any other `REELBUS_…` that no part of reelbus knows stops the start: a mistyped budget must not mean no budget.
"""

import difflib
import re
from collections.abc import Mapping
from typing import Any

from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from schemas.addresses import Addresses
from schemas.errors import Invalid

PREFIX = "REELBUS_"
NAMES = frozenset(
    [
        "ACK_DEADLINE_S",
        "ALLOWED_HOSTS",
        "API_KEY",
        "API_KEYS",
        "BODIES_LIMIT_BYTES",
        "BODY_LIMIT_BYTES",
        "BODY_WITHIN_S",
        "BUDGETS",
        "BUS",
        "CANCEL_LOOK_S",
        "DATA_DIR",
        "DRAIN_S",
        "EVENTS_LOOK_EVERY_S",
        "FAST_MODELS",
        "GENERATION_S",
        "HEAD_WITHIN_S",
        "HEARTBEAT_S",
        "HOST",
        "ID_TOKEN_AUDIENCE",
        "ID_TOKEN_CERTS_URL",
        "ID_TOKEN_EMAILS",
        "INTAKE_AT_ONCE",
        "IN_FLIGHT",
        "JOBS",
        "LINK_S",
        "LOG_LEVEL",
        "LOOK_EVERY_S",
        "MAX_CONNECTIONS",
        "MAX_WAITS",
        "MODEL",
        "OPEN_TO_ALL",
        "PORT",
        "PREFETCH",
        "PRICES",
        "PUBLIC_URL",
        "QUALITY_MODELS",
        "REATTACH_S",
        "RECONCILE_EVERY_S",
        "REFERENCE_BUCKETS",
        "RENDERERS",
        "RETENTION_DAYS",
        "SEARCH_EVERY_S",
        "SEND_WITHIN_S",
        "STORING_S",
        "SUBMITS_PER_MINUTE",
        "SUBMITTING_HOLD_S",
        "SUBMIT_TIMEOUT_S",
        "SUBMIT_WITHIN_S",
        "URL",
        "VERTEX_BASE_URL",
        "VIDEOS",
        "WAIT_S",
        "WORKERS",
        "WORK_DAYS",
    ]
)
"""What facade, worker and client libraries read, without the prefix: all of them may share one environment."""
_SERVICE_LINK = re.compile(r"(?:[A-Z0-9_]+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_[0-9]+_[A-Z0-9_]+)")
_SERVICE_ADDRESS = re.compile(r"(?:tcp|udp|sctp)://\S*")


class Settings(Addresses, BaseSettings):
    """Every field is `REELBUS_<NAME>` in the environment (and `PORT` for the facade's port), and in `.env`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8-sig",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment before `.env`, each without what is not ours. Raises `Invalid` for an unknown setting."""
        known = NAMES | {name.upper() for name in cls.model_fields}
        for source in (env_settings, dotenv_settings):
            if isinstance(source, EnvSettingsSource):
                source.env_vars = _without_others(source.env_vars, known)
        return init_settings, env_settings, dotenv_settings


def _without_others(variables: Mapping[str, str | None], known: frozenset[str]) -> dict[str, Any]:
    """The variables as their writers meant them; names are in lower case here."""
    kept, unknown = dict[str, Any](), list[str]()
    for name, value in variables.items():
        text = (value or "").strip()
        if not text or _is_service_link(name.upper().removeprefix(PREFIX), text):
            continue
        if name.upper().startswith(PREFIX) and name.upper().removeprefix(PREFIX) not in known:
            unknown.append(name.upper().removeprefix(PREFIX))
        kept[name] = text
    if unknown:
        raise Invalid(" ".join(_complaint(name, known) for name in sorted(unknown)), field=PREFIX + min(unknown))
    return kept


def _is_service_link(name: str, value: str) -> bool:
    """Whether Kubernetes or Docker made it, to say where a service listens."""
    is_address = name.endswith("PORT") and _SERVICE_ADDRESS.fullmatch(value) is not None
    return is_address or _SERVICE_LINK.fullmatch(name) is not None


def _complaint(name: str, known: frozenset[str]) -> str:
    similar = difflib.get_close_matches(name, sorted(known), n=1)
    meant = f"; did you mean {PREFIX}{similar[0]}?" if similar else "."
    return f"{PREFIX}{name} is not a setting of this version{meant}"
