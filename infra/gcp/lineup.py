"""Which models `fast` and `quality` stand for, in the order in which they are tried."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from infra.gcp.models import MODELS, Model
from schemas.errors import Invalid
from schemas.request import Quality, VideoRequest

FAST = ("gemini-omni-1.2-flash", "veo-3.1-fast-generate-001")
# Since 2026-11-17 Google may switch Veo 3.1 off any day. A plan of several clips is frozen at its model: one that goes
# away between two clips strands what was paid. So the model without a date comes first.
QUALITY = ("gemini-omni-1.2-flash", "veo-3.1-generate-001")


@dataclass(frozen=True, kw_only=True, slots=True)
class Lineup:
    """Two ordered lists of rows."""

    fast: tuple[Model, ...]
    quality: tuple[Model, ...]
    registry: Mapping[str, Model]
    """Every model, at the prices of this process."""

    @classmethod
    def parse(cls, *, fast: str = "", quality: str = "", registry: Mapping[str, Model] = MODELS) -> "Lineup":
        """From comma-separated ids, as settings have them; empty is the default. Raises `Invalid`."""
        return cls(
            fast=_rows("REELBUS_FAST_MODELS", _ids(fast) or FAST, registry),
            quality=_rows("REELBUS_QUALITY_MODELS", _ids(quality) or QUALITY, registry),
            registry=registry,
        )

    @property
    def models(self) -> tuple[Model, ...]:
        """Every row that a request without a model of its own may be served by."""
        return self.fast + self.quality

    def candidates(self, request: VideoRequest) -> tuple[Model, ...]:
        """The rows that may serve a request, the preferred one first. Raises `Invalid` for an unknown `model`."""
        if request.model is not None:
            return _rows("model", (request.model,), self.registry)
        return self.fast if request.quality is Quality.FAST else self.quality

    def row(self, id: str) -> Model:
        """The row of a model. Raises `Invalid` for an unknown one."""
        return _row("model", id, self.registry)


def _ids(text: str) -> tuple[str, ...]:
    return tuple(id.strip() for id in text.split(",") if id.strip())


def _rows(field: str, ids: Iterable[str], registry: Mapping[str, Model]) -> tuple[Model, ...]:
    return tuple(_row(field, id, registry) for id in ids)


def _row(field: str, id: str, registry: Mapping[str, Model]) -> Model:
    if id not in registry:
        prefix = f"{field}: " if field.isupper() else ""
        raise Invalid(f"{prefix}model must be one of {', '.join(registry)}, not {id!r}", field=field)
    return registry[id]
