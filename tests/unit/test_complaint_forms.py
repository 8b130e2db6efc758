"""A pattern is no error message: each one that a person can meet is told in words."""

import re
from importlib import import_module
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from publisher.facade.openai_videos.body import OpenAIVideoRequest
from publisher.mcp.arguments import CancelArguments, GetArguments, ListArguments
from publisher.settings import PublisherSettings
from schemas.domain.budget import Limit
from schemas.versioning import Asked
from schemas.wire.validation import _FORMS
from schemas.wire.webhook_endpoints import WebhookEndpoint
from subscriber.settings import WorkerSettings


def test_each_pattern_is_told_in_words() -> None:
    import_module("publisher.facade.app")  # its modules define what callers send
    arguments: list[type[BaseModel]] = [CancelArguments, GetArguments, ListArguments]
    settings: list[type[BaseModel]] = [Limit, PublisherSettings, WebhookEndpoint, WorkerSettings]
    models: list[type[BaseModel]] = [*_subclasses(Asked), OpenAIVideoRequest, *arguments, *settings]
    _, schemas = models_json_schema([(model, "validation") for model in models])
    patterns = {pattern for pattern in _patterns(schemas) if "data:" not in pattern}
    assert len(patterns) > 5
    assert [pattern for pattern in patterns if pattern not in _FORMS] == []


def _subclasses(model: type[BaseModel]) -> list[type[BaseModel]]:
    return [each for direct in model.__subclasses__() for each in (direct, *_subclasses(direct))]


def _patterns(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return set().union(*map(_patterns, schema))
    if not isinstance(schema, dict):
        return set()
    own = {schema["pattern"]} if isinstance(schema.get("pattern"), str) else set()
    keys = set(schema.get("patternProperties") or ())
    return own.union(keys, *map(_patterns, schema.values()))


def test_no_words_look_like_a_pattern() -> None:
    assert [words for words in _FORMS.values() if re.search(r"[\[\\{^$]", words)] == []
