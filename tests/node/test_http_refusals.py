"""Over HTTP: what is wrong is said in the words of the API."""

import hashlib
import json

from tests.e2e.processes import House
from tests.node.driver import node, refusal
from tests.support.ports import free_port

KEY = "a-key-of-thirty-two-characters-or-so"
SHORT = {"prompt": "A paper boat on a city river", "duration_seconds": 1}


async def test_what_is_wrong_is_said_in_the_words_of_the_api(house: House) -> None:
    with house.facade() as (_, url), house.worker():
        async with node(url) as js:
            short = await refusal(js.ask("generate", {"prompt": "short"}))
            unknown = await refusal(js.ask("generate", {**SHORT, "durationSecs": 3}))
            missing = await refusal(js.ask("wait", "never-was"))
            failed = await refusal(js.ask("generate", {**SHORT, "resolution": "4k", "job_id": "too-large"}))
            again = await js.call("submit", {**SHORT, "resolution": "4k", "job_id": "too-large"})
            reused = await refusal(js.ask("generate", {**SHORT, "job_id": "too-large"}))
            local = await refusal(js.ask("generate", {**SHORT, "job_id": "a b"}))
    assert short["detail"] == "Invalid request: prompt must have at least 10 characters, not 5"
    assert (short["status"], short["field"], short["videoId"]) == (400, "prompt", None)
    assert unknown["message"] == "durationSecs is not a known key"
    assert (missing["status"], missing["code"]) == (404, "not_found")
    assert (failed["status"], failed["field"], failed["videoId"]) == (400, "resolution", "too-large")
    assert again["state"] == "failed"
    assert (reused["status"], reused["code"]) == (409, "id_reused")
    assert (local["status"], local["field"]) == (400, "job_id")


async def test_a_facade_that_asks_for_a_key_gets_it(house: House) -> None:
    keys = [{"name": "acme", "sha256": hashlib.sha256(KEY.encode()).hexdigest()}]
    locked = House(house.folder, house.log, {"REELBUS_API_KEYS": json.dumps(keys)})
    with locked.facade() as (_, url), locked.worker():
        async with (
            node(url, apiKey=KEY) as js,
            node(url, variables={"REELBUS_API_KEY": KEY}) as other,
            node(url) as none,
        ):
            await js.call("generate", {**SHORT, "job_id": "order-3"})
            assert (await other.call("onProgress", "order-3"))["state"] == "succeeded"
            error = await refusal(none.ask("wait", "order-3"))
    assert (error["status"], error["category"]) == (401, "auth")


async def test_nobody_there_is_said_at_once() -> None:
    port = free_port()
    async with node(f"http://127.0.0.1:{port}") as js:
        error = await refusal(js.ask("generate", SHORT))
    assert error["message"] == "fetch failed (Connection refused)"
    assert (error["code"], error["charged"], error["retryable"]) == ("unreachable", "no", True)
    assert (error["videoId"], error["status"]) == (None, None)
