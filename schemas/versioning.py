"""How models treat keys that this program does not know: a later version may have written them.

Records and completions keep them (`Stored`) when they are read, changed and written again. Requests refuse them
(`Asked`), since the caller would pay for a wrong video if a key were ignored. A request inside a record keeps them.
"""

from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

M = TypeVar("M", bound=BaseModel)
STORED = "stored"
"""The validation context of requests that were accepted before: rules for new requests don't apply to them."""
AS_FAR_AS_KNOWN = "as far as known"
"""The validation context of a new request whose unknown keys are kept."""


class Stored(BaseModel):
    """A part of a record or of a completion. Frozen. Unknown keys are kept, and written again."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Asked(BaseModel):
    """What a caller asks for. Frozen. An unknown key is an error, except in the two contexts above."""

    model_config = ConfigDict(frozen=True, extra="allow", json_schema_extra={"additionalProperties": False})

    @model_validator(mode="wrap")
    @classmethod
    def _refuse_unknown_keys(cls, value: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        model = handler(value)
        if model.model_extra and not isinstance(value, cls) and info.context not in (STORED, AS_FAR_AS_KNOWN):
            key = next(iter(model.model_extra))
            raise PydanticCustomError("extra_forbidden", "{key} is not a known key", {"key": key})
        return model


def without_unknown_keys(model: M) -> M:
    """Return the model without its unknown keys, at every level."""
    update = {name: _drop_unknown_keys(getattr(model, name)) for name in type(model).model_fields}
    known = model.model_copy(update=update)
    if known.__pydantic_extra__:
        known.__pydantic_extra__.clear()
    return known


def _drop_unknown_keys(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return without_unknown_keys(value)
    return tuple(_drop_unknown_keys(part) for part in value) if isinstance(value, tuple) else value
