"""What a finished operation left behind, still at its addresses in the cloud."""

from dataclasses import dataclass

from infra.gcp.failures import elsewhere
from schemas.ports import Broke, Finished


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """The files of an operation: at least one."""

    uris: tuple[str, ...]

    def in_store(self, bucket: str) -> Finished | Broke:
        """The same files by their names in the video store."""
        root = f"gs://{bucket}/"
        names = tuple(uri.removeprefix(root) for uri in self.uris if uri.startswith(root))
        return Finished(outputs=names) if names else Broke(failure=elsewhere(self.uris[0]))
