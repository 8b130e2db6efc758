"""The video models of Vertex AI, one row each, and which of them `fast` and `quality` stand for.

A change at Google is a change of one row here.

Sources, read in October and November 2026:
- limits: the model cards of Veo 3.1 and of Gemini Omni Flash, and the page about extending videos
- prices: infra/gcp/vertex/prices.toml, each row with its day and its source
- expected seconds: Google says 11 s to 6 min; measured 73 to 130 s. Only the estimated progress depends on them
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from infra.gcp.vertex.prices import ModelPrices, Rate, read_prices
from schemas.errors import Invalid
from schemas.wire.request import Quality, VideoRequest

GLOBAL = "global"
"""The location of models that are not offered in a region."""


class Family(StrEnum):
    """A family: its models take the same requests and give the same answers."""

    VEO = "veo"
    OMNI = "omni"


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A model: what it can do, and what it costs."""

    id: str
    family: Family
    durations_s: tuple[int, ...]
    """Lengths of a first clip."""
    extensions_s: tuple[int, ...]
    """Lengths by which one call can extend a video."""
    max_input_s: int = 30
    """The longest video that can be extended."""
    max_total_s: int
    prices: ModelPrices
    aspect_ratios: frozenset[str] = frozenset({"16:9", "9:16"})
    image_types: frozenset[str]
    """The types of images; empty if the model takes none."""
    reference_durations_s: tuple[int, ...] = ()
    """Lengths of a clip that is made from `reference_images`. It has neither a first nor a last frame then."""
    fields: frozenset[str]
    """The fields of a request that are sent to it; the planner refuses the others."""
    negative_prompt: bool
    """False: it has no such parameter, so the prompt contains it."""
    expected_s: float
    retires: date | None = None
    """The earliest day on which Google may switch it off. It is used until Google says 404."""
    region: str

    @property
    def rates(self) -> Mapping[str, Rate]:
        """The prices by resolution; a resolution that is not listed is not offered."""
        return self.prices.usd_per_second


_OMNI_FIELDS = frozenset(
    [
        "prompt",
        "duration_seconds",
        "aspect_ratio",
        "resolution",
        "negative_prompt",
        "style",
        "seed",
        "reference_image",
    ]
)
_VEO_LITE_FIELDS = _OMNI_FIELDS | {"generate_audio"}
_VEO_FIELDS = _VEO_LITE_FIELDS | {"last_image", "reference_images"}
_VEO_DURATIONS = (4, 6, 8)
_VEO_REFERENCE_DURATIONS = (8,)
_VEO_EXTENSIONS = (7,)
_VEO_IMAGES = frozenset({"image/png", "image/jpeg"})
_OMNI_EXTENSIONS = tuple(range(3, 11))
_OMNI_IMAGES = frozenset({"image/png", "image/jpeg", "image/webp"})

_PRICES = read_prices()
MODELS: Mapping[str, Model] = {
    row.id: row
    for row in (
        Model(
            id="veo-3.1-generate-001",
            prices=_PRICES["veo-3.1-generate-001"],
            family=Family.VEO,
            fields=_VEO_FIELDS,
            durations_s=_VEO_DURATIONS,
            extensions_s=_VEO_EXTENSIONS,
            max_total_s=37,
            image_types=_VEO_IMAGES,
            reference_durations_s=_VEO_REFERENCE_DURATIONS,
            negative_prompt=True,
            expected_s=90,
            retires=date(2026, 11, 17),
            region="us-central1",
        ),
        Model(
            id="veo-3.1-fast-generate-001",
            prices=_PRICES["veo-3.1-fast-generate-001"],
            family=Family.VEO,
            fields=_VEO_FIELDS,
            durations_s=_VEO_DURATIONS,
            extensions_s=_VEO_EXTENSIONS,
            max_total_s=37,
            image_types=_VEO_IMAGES,
            reference_durations_s=_VEO_REFERENCE_DURATIONS,
            negative_prompt=True,
            expected_s=75,
            retires=date(2026, 11, 17),
            region="us-central1",
        ),
        Model(
            id="veo-3.1-lite-generate-001",
            prices=_PRICES["veo-3.1-lite-generate-001"],
            family=Family.VEO,
            fields=_VEO_LITE_FIELDS,
            durations_s=_VEO_DURATIONS,
            extensions_s=_VEO_EXTENSIONS,
            max_total_s=37,
            image_types=_VEO_IMAGES,
            negative_prompt=True,
            expected_s=75,
            region="us-central1",
        ),
        Model(
            id="gemini-omni-1.2-flash",
            prices=_PRICES["gemini-omni-1.2-flash"],
            family=Family.OMNI,
            fields=_OMNI_FIELDS,
            durations_s=tuple(range(3, 16)),
            extensions_s=_OMNI_EXTENSIONS,
            max_total_s=40,
            image_types=_OMNI_IMAGES,
            negative_prompt=False,
            expected_s=75,
            region=GLOBAL,
        ),
        Model(
            id="gemini-omni-1.1-flash-preview",
            prices=_PRICES["gemini-omni-1.1-flash-preview"],
            family=Family.OMNI,
            fields=_OMNI_FIELDS - {"seed"},
            durations_s=tuple(range(3, 11)),
            extensions_s=_OMNI_EXTENSIONS,
            max_total_s=40,
            image_types=_OMNI_IMAGES,
            negative_prompt=False,
            expected_s=75,
            region=GLOBAL,
        ),
    )
}


def models_with(prices: Mapping[str, ModelPrices]) -> Mapping[str, Model]:
    """Return the same models with other prices."""
    return {id: replace(model, prices=prices[id]) for id, model in MODELS.items()}


FAST = ("gemini-omni-1.2-flash", "veo-3.1-fast-generate-001")
# Since 2026-11-17 Google may switch Veo 3.1 off any day. A plan of several clips keeps its model: if Google switches it
# off between two clips, the paid clips are wasted. So the model without a date comes first.
QUALITY = ("gemini-omni-1.2-flash", "veo-3.1-generate-001")


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelPreferences:
    """The models for `fast` and for `quality`, in the order in which they are tried."""

    fast: tuple[Model, ...]
    quality: tuple[Model, ...]
    registry: Mapping[str, Model]
    """Every model, at the prices of this process."""

    @classmethod
    def parse(cls, *, fast: str = "", quality: str = "", registry: Mapping[str, Model] = MODELS) -> "ModelPreferences":
        """Parse comma-separated ids of the settings; empty means the default. Raises `Invalid`."""
        return cls(
            fast=_rows("REELBUS_FAST_MODELS", _ids(fast) or FAST, registry),
            quality=_rows("REELBUS_QUALITY_MODELS", _ids(quality) or QUALITY, registry),
            registry=registry,
        )

    @property
    def models(self) -> tuple[Model, ...]:
        """Every model that may serve a request that names none."""
        return self.fast + self.quality

    def candidates(self, request: VideoRequest) -> tuple[Model, ...]:
        """Return the models that may serve a request, the preferred one first.

        Raises `Invalid` for an unknown `model`.
        """
        if request.model is not None:
            return _rows("model", (request.model,), self.registry)
        return self.fast if request.quality is Quality.FAST else self.quality

    def row(self, id: str) -> Model:
        """Return a model by its id. Raises `Invalid` for an unknown one."""
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
