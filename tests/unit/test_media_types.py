"""Media types are our own: no file of the host changes them."""

import mimetypes
import subprocess
from pathlib import Path

import pytest

from infra.gcp.vertex.models import MODELS
from infra.gcp.vertex.planning import image_type, plan_with
from schemas.errors import Invalid
from schemas.wire.media_types import UNKNOWN, image_type_of_name, type_of_name
from schemas.wire.request import VideoRequest

ROOT = Path(__file__).parents[2]
STORED = f"reelbus:references/{'a' * 64}.webp"


@pytest.fixture
def bare_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host without tables of types."""
    monkeypatch.setattr(mimetypes, "guess_type", lambda *_, **__: (None, None))


@pytest.mark.usefixtures("bare_host")
def test_a_stored_webp_is_a_webp_on_every_host() -> None:
    assert image_type(STORED) == "image/webp"
    fields = {"job_id": "j", "prompt": "A red kite over a hill", "reference_image": STORED}
    with pytest.raises(Invalid, match="reference_image must be"):
        plan_with(MODELS["veo-3.1-generate-001"], VideoRequest.model_validate(fields))
    assert plan_with(MODELS["gemini-omni-1.2-flash"], VideoRequest.model_validate(fields)).clips


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("generated-videos/a.mp4", "video/mp4"),
        ("posters/a.jpg", "image/jpeg"),
        ("a.JPEG", "image/jpeg"),
        ("a.b/webp", UNKNOWN),
        ("gs://bucket.png/frame", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_types_by_name(name: str, found: str) -> None:
    assert type_of_name(name) == found


def test_an_image_that_no_model_takes_is_not_taken_for_another() -> None:
    assert image_type_of_name("gs://bucket/frame.gif") == "image/gif"
    assert image_type_of_name("gs://bucket/frame.mp4") is None


def test_nothing_of_ours_asks_the_host() -> None:
    """No product module imports `mimetypes`."""
    found = subprocess.run(
        ["grep", "-rlE", "^(import|from) mimetypes", "schemas", "infra", "publisher", "subscriber", "--include=*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == ""
