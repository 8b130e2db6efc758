"""The wire-level Vertex AI is as strict as Google: what it lets pass, Google would too."""

import pytest

from tests.vertex import omni_rules, veo_rules
from tests.vertex.rig import OMNI, VEO
from tests.vertex.strict import Refused

PARAMETERS = {"storageUri": "gs://b/w/", "durationSeconds": 6}
FORMAT = {"type": "video", "delivery": "uri", "gcs_uri": "gs://b/w/", "aspect_ratio": "16:9"}


def _veo(**parameters: object) -> None:
    veo_rules.read(VEO, {"instances": [{"prompt": "x"}], "parameters": {**PARAMETERS, **parameters}})


def _omni(**asked: object) -> None:
    turn = {"type": "user_input", "content": [{"type": "text", "text": "x"}]}
    omni_rules.read({"model": OMNI, "input": [turn], "response_format": [{**FORMAT, **asked}]})


def test_good_requests_pass() -> None:
    _veo(seed=2**32 - 1, resolution="4k")
    _omni(duration="15s", resolution="1080p")


@pytest.mark.parametrize(
    "bad",
    [
        {"durationSeconds": 5},
        {"durationSeconds": "6"},
        {"duration_seconds": 6},
        {"storageUri": ""},
        {"resolution": "8k"},
        {"aspectRatio": "1:1"},
        {"enhancePrompt": False},
        {"seed": -1},
        {"sampleCount": 5},
    ],
    ids=str,
)
def test_veo_refuses(bad: dict[str, object]) -> None:
    with pytest.raises(Refused):
        _veo(**bad)


@pytest.mark.parametrize(
    "bad",
    [{"duration": "16s"}, {"duration": 5}, {"gcs_uri": "x"}, {"aspectRatio": "16:9"}, {"delivery": "inline"}],
    ids=str,
)
def test_omni_refuses(bad: dict[str, object]) -> None:
    with pytest.raises(Refused):
        _omni(**bad)
