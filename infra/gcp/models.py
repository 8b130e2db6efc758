"""Every video model that we can pay, one row each: a change at Google is a one-line change here.

Sources, read in October and November 2026:
- limits: the model cards of Veo 3.1 and of Gemini Omni Flash, and the page about extending videos
- prices: infra/gcp/prices.toml, each row with its day and its source
- expected seconds: Google says 11 s to 6 min; measured 73 to 130 s. Only the estimated progress hangs on them
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from infra.gcp.prices import ModelPrices, Rate, read_prices

GLOBAL = "global"
"""The location of models that no region offers."""


class Family(StrEnum):
    """Models of one family take the same requests and fail in the same ways."""

    VEO = "veo"
    OMNI = "omni"


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """One row: what a model can do, and what it costs."""

    id: str
    family: Family
    durations_s: tuple[int, ...]
    """Lengths of a first clip."""
    extensions_s: tuple[int, ...]
    """By how much one call can extend a video."""
    max_input_s: int = 30
    """The longest video that can be extended."""
    max_total_s: int
    prices: ModelPrices
    aspect_ratios: frozenset[str] = frozenset({"16:9", "9:16"})
    image_types: frozenset[str]
    """Of a first frame; empty where it takes none."""
    negative_prompt: bool
    """False: it has no such parameter, and the prompt has to say it."""
    seed: bool = True
    expected_s: float
    retires: date | None = None
    """The earliest day on which Google may switch it off. It is used until Google says 404."""
    region: str

    @property
    def rates(self) -> Mapping[str, Rate]:
        """By resolution; what is not listed is not offered."""
        return self.prices.usd_per_second


_VEO_DURATIONS = (4, 6, 8)
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
            durations_s=_VEO_DURATIONS,
            extensions_s=_VEO_EXTENSIONS,
            max_total_s=37,
            image_types=_VEO_IMAGES,
            negative_prompt=True,
            expected_s=90,
            retires=date(2026, 11, 17),
            region="us-central1",
        ),
        Model(
            id="veo-3.1-fast-generate-001",
            prices=_PRICES["veo-3.1-fast-generate-001"],
            family=Family.VEO,
            durations_s=_VEO_DURATIONS,
            extensions_s=_VEO_EXTENSIONS,
            max_total_s=37,
            image_types=_VEO_IMAGES,
            negative_prompt=True,
            expected_s=75,
            retires=date(2026, 11, 17),
            region="us-central1",
        ),
        Model(
            id="veo-3.1-lite-generate-001",
            prices=_PRICES["veo-3.1-lite-generate-001"],
            family=Family.VEO,
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
            durations_s=tuple(range(3, 11)),
            extensions_s=_OMNI_EXTENSIONS,
            max_total_s=40,
            image_types=_OMNI_IMAGES,
            negative_prompt=False,
            seed=False,
            expected_s=75,
            region=GLOBAL,
        ),
    )
}


def models_with(prices: Mapping[str, ModelPrices]) -> Mapping[str, Model]:
    """The same models at other prices."""
    return {id: replace(model, prices=prices[id]) for id, model in MODELS.items()}
