"""How the settings become the local renderer, of the address `animatic:`."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import SplitResult

from infra.animatic.frame_reports import FrameReports
from infra.animatic.model import Animatic, plan
from infra.animatic.pool import RenderPool
from schemas.domain.clip import Plan
from schemas.ports import VideoStore
from schemas.settings import Addresses
from schemas.wire.request import VideoRequest


def open_planner(address: SplitResult, settings: Addresses) -> Callable[[VideoRequest], Plan]:
    """Return what plans a request."""
    del address, settings
    return plan


def open_model(address: SplitResult, settings: Addresses, videos: VideoStore, scratch: Path) -> Animatic:
    """Start the renderers."""
    del address
    pool = RenderPool(settings.renderers)
    pool.warm()
    return Animatic(videos, pool, scratch, FrameReports(settings.reports_dir))
