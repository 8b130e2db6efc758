"""A pattern is no error message: each one that a person can meet is told in words."""

import re
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from publisher.settings import PublisherSettings
from schemas.domain.budget import Limit
from schemas.wire.request import CancelRequest, VideoRequest
from schemas.wire.validation import _FORMS
from subscriber.settings import WorkerSettings


def test_each_pattern_is_told_in_words() -> None:
    models: list[type[BaseModel]] = [VideoRequest, CancelRequest, Limit, PublisherSettings, WorkerSettings]
    _, schemas = models_json_schema([(model, "validation") for model in models])
    patterns = {pattern for pattern in _patterns(schemas) if "data:" not in pattern}
    assert len(patterns) > 5
    assert [pattern for pattern in patterns if pattern not in _FORMS] == []


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
