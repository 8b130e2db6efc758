"""Every message and record that was ever released decodes for ever, and is written as it was."""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.domain.job import Job
from schemas.wire.completion import Completion, Outcome
from schemas.wire.message import Message, decode_command, decode_completion
from schemas.wire.request import CancelRequest, VideoRequest

FOLDER = Path(__file__).parent.parent / "corpus" / "v1"
Released = dict[str, Any]
AS_OTHERS_SENT = {"request_minimal", "request_scene_as_sent"}
"""Written by publishers of their own: read as they are, but we would write them out in full."""


def released(kind: str) -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in sorted(FOLDER.glob(f"{kind}*.json"))]


def read(path: Path) -> Released:
    found: Released = json.loads(path.read_text(encoding="utf-8"))
    return found


def message_of(path: Path) -> Message:
    kept = read(path)
    return Message(data=json.dumps(kept["data"]).encode(), attributes=kept["attributes"])


@pytest.mark.parametrize("path", [*released("request"), *released("cancel")])
def test_a_released_command_decodes(path: Path) -> None:
    command = decode_command(message_of(path))
    assert isinstance(command, CancelRequest if path.stem.startswith("cancel") else VideoRequest)
    assert command.job_id == "job-1"
    if path.stem not in AS_OTHERS_SENT:
        assert json.loads(command.model_dump_json(exclude_none=True)) == read(path)["data"]


@pytest.mark.parametrize("path", released("completion"))
def test_a_released_completion_decodes_and_keeps_its_event_id(path: Path) -> None:
    kept = read(path)
    completion = decode_completion(message_of(path))
    assert completion.event_id == kept["attributes"]["ce-id"]
    assert kept["attributes"]["ce-type"] == f"reelbus.video.{completion.state}.v1"
    assert json.loads(completion.model_dump_json(exclude_none=True)) == kept["data"]


@pytest.mark.parametrize("path", released("job"))
def test_a_released_record_decodes_and_is_stored_as_it_was(path: Path) -> None:
    kept = read(path)["data"]
    job = Job.model_validate(kept)
    stored = json.loads(job.model_dump_json())
    assert _as_then(stored, kept) == kept


def _as_then(stored: Any, kept: Any) -> Any:
    """Without the fields of a later day, which may stand beside."""
    if isinstance(kept, dict):
        return {key: _as_then(stored[key], value) for key, value in kept.items()}
    if isinstance(kept, list):
        assert len(stored) == len(kept)
        return [_as_then(one, other) for one, other in zip(stored, kept, strict=True)]
    return stored


@pytest.mark.parametrize("path", released("job"))
def test_the_fingerprint_of_a_released_record_still_fits_its_request(path: Path) -> None:
    job = Job.model_validate(read(path)["data"])
    assert job.request.fingerprint() == job.fingerprint


def test_a_scene_as_a_publisher_sent_it_means_what_it_meant() -> None:
    request = decode_command(message_of(FOLDER / "request_scene_as_sent.json"))
    assert isinstance(request, VideoRequest)
    assert request.prompt == "Opening Scene. A professional office setting. Camera: Slow pan across desk."
    assert request.duration_seconds == 8


def test_the_corpus_holds_every_kind_of_end() -> None:
    kinds = {Completion.model_validate(read(path)["data"]).state for path in FOLDER.glob("completion*.json")}
    assert kinds == set(Outcome)
