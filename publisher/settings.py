"""The publisher's settings, parsed once in the composition root."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.addresses import Addresses

WAIT_AT_MOST_S = 280
"""Node's fetch gives a silent server up after 300 s: we answer before that."""


class PublisherSettings(Addresses, BaseSettings):
    """From the environment (`REELBUS_…`, and `PORT`) and a `.env` beside it."""

    model_config = SettingsConfigDict(
        env_prefix="REELBUS_", env_file=".env", extra="ignore", frozen=True, populate_by_name=True
    )

    model: str = Field(default="animatic:", description="What the workers make clips with; only plans look at it.")
    fast_models: str = Field(default="", description="What `fast` means on Vertex AI: ids in order, with commas.")
    quality_models: str = Field(default="", description="What `quality` means on Vertex AI: ids in order, with commas.")
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
    max_waiting: int = Field(default=10_000, gt=0, description="How many callers may wait at once in one process.")
