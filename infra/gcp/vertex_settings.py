"""What the settings say about Vertex AI, still as text: nothing of it is looked at while another model is in use."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class VertexSettings:
    """Beside the address `vertex://project/location`."""

    videos_url: str = ""
    """Where the films go: Google writes them itself, so it must be a bucket."""
    base_url: str = ""
    """A private endpoint or a proxy; empty is Google's own."""
    fast_models: str = ""
    quality_models: str = ""
    prices: str = ""
    """A file whose prices replace ours."""
