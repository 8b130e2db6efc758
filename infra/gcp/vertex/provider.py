"""How the settings become the models of Vertex AI, of the address `vertex://project/location`."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import SplitResult

from infra.gcp.settings import VertexSettings
from infra.gcp.vertex.adapter import Vertex, open_vertex
from infra.gcp.vertex.adapter import open_planner as open_vertex_planner
from schemas.domain.clip import Plan
from schemas.ports import VideoStore
from schemas.settings import Addresses
from schemas.wire.request import VideoRequest


def open_planner(address: SplitResult, settings: Addresses) -> Callable[[VideoRequest], Plan]:
    """Return what plans a request, without an account and without a network. Raises `Invalid`."""
    return open_vertex_planner(_vertex_settings(settings), address.path.strip("/")).plan


def open_model(address: SplitResult, settings: Addresses, videos: VideoStore, scratch: Path) -> Vertex:
    """Open the adapter. Raises `Invalid`."""
    del scratch
    return open_vertex(address, _vertex_settings(settings), videos)


def _vertex_settings(settings: Addresses) -> VertexSettings:
    return VertexSettings(
        videos_url=settings.videos_url,
        base_url=settings.vertex_base_url,
        fast_models=settings.fast_models,
        quality_models=settings.quality_models,
        prices=settings.prices,
    )
