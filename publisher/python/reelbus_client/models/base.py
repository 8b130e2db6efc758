"""The base of the models of what reelbus sends."""

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """A model that keeps what a later version of reelbus adds: unknown keys are in `model_extra`."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())
