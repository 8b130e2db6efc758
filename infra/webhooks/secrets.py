"""The secrets that sign webhooks: derived for each caller from the masters of the settings, or of the data folder."""

from collections.abc import Sequence
from pathlib import Path

from infra.embedded.videos import read_or_create_secret
from schemas.errors import Unavailable
from schemas.settings import Addresses
from schemas.wire.webhook import derive_endpoint_secret, derive_secret, parse_secrets

_FILE_NAME = ".webhook-secret"


class WebhookSecrets:
    """The masters, read for the first webhook."""

    def __init__(self, masters: Sequence[bytes], folder: Path | None) -> None:
        self._masters, self._folder = tuple(masters), folder

    @property
    def exist(self) -> bool:
        """True if webhooks can be signed."""
        return bool(self._masters or self._folder)

    def of(self, caller: str | None) -> list[bytes]:
        """Return the secrets of a caller, the one for receivers first. May read a file. Raises `Unavailable`."""
        return [derive_secret(master, caller) for master in self._read_masters()]

    def of_endpoint(self, name: str) -> list[bytes]:
        """Return the secrets of an endpoint of the settings, in the same way."""
        return [derive_endpoint_secret(master, name) for master in self._read_masters()]

    def _read_masters(self) -> Sequence[bytes]:
        if not self._masters and self._folder:
            if not self._folder.is_dir():
                words = "start the service first, or set REELBUS_DATA_DIR to its folder"
                raise Unavailable(f"there is no data folder {self._folder}; {words}")
            self._masters = (read_or_create_secret(self._folder, _FILE_NAME),)
        return self._masters


def open_secrets(settings: Addresses) -> WebhookSecrets:
    """Return the secrets of the settings. All processes of the embedded default share those of its folder."""
    masters = parse_secrets(settings.webhook_secrets.get_secret_value())
    return WebhookSecrets(masters, settings.data_dir.absolute() if settings.jobs_url.startswith("sqlite:") else None)
