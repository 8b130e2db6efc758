"""The prices of the models: our dated table, and the operator's rows that replace ours."""

import json
import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError, field_validator

from schemas.errors import Invalid

SETTING = "REELBUS_PRICES"
RESOLUTIONS = ("720p", "1080p", "4k")
_OURS = Path(__file__).with_name("prices.toml")
_SIZE_AT_MOST = 1_000_000
_MILLION = 1_000_000
# A price of 0 would make a model free, and a free clip may be sent any number of times.
_Price = Annotated[Decimal, Field(gt=0, le=1000, max_digits=12, decimal_places=8, allow_inf_nan=False)]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rate(_Row):
    """US dollars per second of output."""

    audio: _Price
    silent: _Price | None = None
    """None if the sound can't be switched off."""


class ModelPrices(_Row):
    """The prices of one model, and their source."""

    read: date
    """The day on which a person read them."""
    source: str = Field(min_length=1, max_length=500)
    usd_per_second: Mapping[str, Rate] = Field(min_length=1)
    """The prices by resolution; a resolution that is not listed is not offered."""
    usd_per_million_video_tokens: _Price | None = None
    """The price of a model that is billed by the token, and reports the count."""

    @field_validator("usd_per_second")
    @classmethod
    def _check_resolutions(cls, rates: Mapping[str, Rate]) -> Mapping[str, Rate]:
        for name in rates:
            if name not in RESOLUTIONS:
                raise ValueError(f"resolution must be one of {', '.join(RESOLUTIONS)}, not {name!r}")
        return rates

    def usd_of(self, video_tokens: int) -> Decimal | None:
        """Return the price of so many tokens; None if the model is not billed by the token, or reported none."""
        if self.usd_per_million_video_tokens is None or video_tokens <= 0:
            return None
        return (self.usd_per_million_video_tokens * video_tokens / _MILLION).quantize(Decimal("0.000001"))


class _Table(RootModel[dict[str, ModelPrices]]):
    model_config = ConfigDict(frozen=True)


def read_prices(path: str = "") -> Mapping[str, ModelPrices]:
    """Read our table, and replace rows by those of the operator's file. Raises `Invalid` for a wrong file."""
    ours = _read_ours()
    if not path:
        return ours
    rows = _read_table(Path(path))
    if unknown := sorted(rows.keys() - ours.keys()):
        raise _invalid(path, f"{unknown[0]!r} is no model of this version; use one of {', '.join(ours)}")
    return {**ours, **rows}


@cache
def _read_ours() -> Mapping[str, ModelPrices]:
    return _read_table(_OURS)


def _read_table(path: Path) -> Mapping[str, ModelPrices]:
    try:
        return _Table.model_validate(_read_file(path)).root
    except OSError as error:
        raise _invalid(path, f"can't be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise _invalid(path, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise _invalid(path, f"is no {'JSON' if path.suffix == '.json' else 'TOML'}: {error}") from error


def _read_file(path: Path) -> Any:
    with path.open("rb") as file:
        data = file.read(_SIZE_AT_MOST + 1)
    if len(data) > _SIZE_AT_MOST:
        raise ValueError(f"it has more than {_SIZE_AT_MOST:,} bytes")
    text = data.decode()
    if path.suffix == ".json":
        return json.loads(text, parse_float=Decimal)
    return tomllib.loads(text, parse_float=Decimal)


def _invalid(path: Path | str, words: str) -> Invalid:
    return Invalid(f"{SETTING}: {path}: {words}", field=SETTING)
