"""What a finished operation left behind, still at its addresses in the cloud."""

import base64
from dataclasses import dataclass, field
from decimal import Decimal

from infra.gcp.failures import elsewhere
from schemas.ports import Broke, Finished


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """The files of an operation: at least one, at an address or inside the answer itself."""

    uris: tuple[str, ...] = ()
    films: tuple[bytes, ...] = field(default=(), repr=False)
    model: str = ""
    video_tokens: int = 0
    """What the answer counts; 0 if it counts nothing."""

    def in_store(self, bucket: str, price_usd: Decimal | None = None) -> Finished | Broke:
        """The same files by their names in the video store."""
        root = f"gs://{bucket}/"
        names = tuple(uri.removeprefix(root) for uri in self.uris if uri.startswith(root))
        if names or self.films:
            return Finished(outputs=names, films=() if names else self.films, price_usd=price_usd)
        return Broke(failure=elsewhere(self.uris[0] if self.uris else ""))


def read_base64(data: object) -> bytes:
    """The bytes of an inline file; empty if there are none, or if they can't be read."""
    if isinstance(data, bytes):
        return data
    text = "".join(str(data or "").rpartition(",")[2].split())  # behind the head of a `data:` URL
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_" if {"-", "_"} & set(text) else None)
    except ValueError:
        return b""
