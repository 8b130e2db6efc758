"""AsyncAPI's own parser reads the document that a facade serves, and finds nothing wrong with it."""

import json
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

from tests.e2e.processes import House

_PROGRAM = Path(__file__).parent / "asyncapi_check.mjs"


def check(document: Any) -> dict[str, Any]:
    done = subprocess.run(
        ["node", str(_PROGRAM)], input=json.dumps(document), capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_official_parser_finds_nothing_wrong(house: House) -> None:
    with house.facade() as (_, url), urllib.request.urlopen(f"{url}/asyncapi.json", timeout=60) as answer:
        served = json.load(answer)
    read = check(served)
    assert (read["version"], read["found"]) == ("3.1.0", [])
    assert [(each["address"], each["actions"]) for each in read["channels"]] == [
        ("video-requests", ["receive"]),
        ("video-requests-batch", ["receive"]),
        ("video-completions", ["send"]),
        ("video-evaluations", ["send"]),
        ("film-requests", ["receive"]),
        ("film-completions", ["send"]),
        (None, ["send"]),
    ]
    assert "reelbus.video.rejected.v1" in read["channels"][2]["messages"]
    assert read["channels"][6]["messages"] == ["WebhookEnd", "WebhookFilmEnd", "WebhookTest"]

    served["components"]["schemas"]["Completion"]["properties"]["life"]["type"] = "a number"
    assert any("schemas/Completion" in each["path"] for each in check(served)["found"]), "the parser reads the schemas"
    served["operations"]["sendWebhook"]["channel"] = {"$ref": "#/channels/nowhere"}
    assert "invalid-ref" in {each["code"] for each in check(served)["found"]}, "the parser follows references"
