"""Where the parts of reelbus live. Both sides' settings hold these, so that they can't disagree about a default."""

from pathlib import Path
from typing import Annotated
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, BaseModel, Field, field_validator


def _in_utf8(path: Path) -> Path:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise ValueError("must be a path in UTF-8") from None
    return path


class Addresses(BaseModel):
    """URLs of the adapters; the embedded default lies under `data_dir`."""

    data_dir: Annotated[Path, AfterValidator(_in_utf8)] = Field(
        default=Path(".reelbus"), description="Folder of the embedded default."
    )
    bus: str = Field(default="", description="sqlite:///… or pubsub://project")
    jobs: str = Field(default="", description="sqlite:///… or firestore://project/database")
    videos: str = Field(default="", description="file:///… or gs://bucket")
    reference_buckets: str = Field(
        default="",
        description="Buckets beside the video store's own in which reference images may lie: names, with commas.",
    )
    public_url: str = Field(
        default="", description="How viewers reach the facade, for example https://video.example.com"
    )
    host: str = Field(default="127.0.0.1", description="Address that the facade listens on.")
    port: int = Field(default=8000, ge=0, le=65535, validation_alias="PORT", description="The facade's port.")

    log_level: str = Field(default="INFO", pattern=r"(?i)^(debug|info|warning|error)$")

    @field_validator("public_url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        """Every answer and every stored address begins with it."""
        parts = urlsplit(url)
        if url and not (
            parts.scheme in ("http", "https")
            and parts.hostname
            and url == parts._replace(query="", fragment="").geturl()
        ):
            raise ValueError("public_url must be an address such as https://video.example.com, or with a path")
        return url

    @property
    def database_url(self) -> str:
        """The embedded database."""
        return f"sqlite://{quote(str(self.data_dir.absolute() / 'reelbus.db'))}"

    @property
    def bus_url(self) -> str:
        """Address of the bus."""
        return self.bus or self.database_url

    @property
    def jobs_url(self) -> str:
        """Address of the job store."""
        return self.jobs or self.database_url

    @property
    def videos_url(self) -> str:
        """Address of the video store."""
        return self.videos or f"file://{quote(str(self.data_dir.absolute() / 'videos'))}"

    @property
    def is_embedded(self) -> bool:
        """True if anything of the embedded default is in use."""
        return not (self.bus and self.jobs and self.videos)

    @property
    def facade_url(self) -> str:
        """Where the facade is reached, without a slash at the end."""
        return (self.public_url or f"http://localhost:{self.port}").rstrip("/")
