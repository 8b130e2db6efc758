"""From settings to a working adapter, or to one sentence about what is wrong with them."""

import logging
from datetime import UTC, datetime
from urllib.parse import SplitResult, urlsplit

from infra.gcp.lineup import Lineup
from infra.gcp.models import models_with
from infra.gcp.planning import Planner, check_location, retirement_warning
from infra.gcp.prices import read_prices
from infra.gcp.proxies import check_proxy
from infra.gcp.vertex import Vertex
from infra.gcp.vertex_settings import VertexSettings
from schemas.errors import Invalid
from schemas.ports import VideoStore

log = logging.getLogger(__name__)
_GOOGLE = "https://aiplatform.googleapis.com/"


def open_planner(settings: VertexSettings, location: str = "") -> Planner:
    """Plan without an account and without the network. Raises `Invalid`."""
    registry = models_with(read_prices(settings.prices))
    lineup = Lineup.parse(fast=settings.fast_models, quality=settings.quality_models, registry=registry)
    for model in lineup.models:
        check_location(model, location, field="REELBUS_MODEL")
    return Planner(lineup, location=location)


def open_vertex(url: SplitResult, settings: VertexSettings, videos: VideoStore) -> Vertex:
    """Raises `Invalid`."""
    location = url.path.strip("/")
    if not url.netloc or "/" in location or url.query or url.fragment:
        wanted = "vertex://project or vertex://project/location"
        raise Invalid(f"REELBUS_MODEL: must be {wanted}, not {url.geturl()}", field="REELBUS_MODEL")
    check_proxy(settings.base_url or _GOOGLE)
    return Vertex(
        project=url.netloc,
        location=location,
        videos=videos,
        bucket=_bucket(settings.videos_url),
        planner=_warned(open_planner(settings, location)),
        base_url=_base_url(settings.base_url),
    )


def _warned(planner: Planner) -> Planner:
    for model in {model.id: model for model in planner.lineup.models}.values():
        if warning := retirement_warning(model, datetime.now(UTC).date()):
            log.warning("a model of the settings may be switched off", extra=_about(model.id, warning))
    return planner


def _about(model: str, warning: str) -> dict[str, str]:
    return {"action": "model_retires", "model": model, "reason": warning}


def _bucket(videos_url: str) -> str:
    address = urlsplit(videos_url)
    if address.scheme != "gs" or not address.netloc:
        words = "must be gs://bucket with a vertex: model, since Google writes the films there itself"
        raise Invalid(f"REELBUS_VIDEOS: {words}", field="REELBUS_VIDEOS")
    return address.netloc


def _base_url(url: str) -> str:
    if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc):
        setting = "REELBUS_VERTEX_BASE_URL"
        raise Invalid(f"{setting}: must be http://… or https://…, not {url!r}", field=setting)
    return url
