"""Batches by the package: Node and the facade are killed meanwhile, and there is one job for each request."""

import pytest

from tests.e2e.processes import House
from tests.node.driver import node, refusal
from tests.node.test_http import _again

BATCH = {
    "batchId": "night",
    "priority": "batch",
    "maxCostUsd": 1,
    "requests": [{"prompt": f"A paper boat on a city river, {number}", "durationSeconds": 1} for number in range(3)],
}
NAMES = [f"night-{number:03}" for number in (1, 2, 3)]


@pytest.mark.timeout(200)
async def test_a_batch_is_planned_ordered_and_waited_for_through_kills(house: House) -> None:
    with house.facade() as (facade, url):
        async with node(url) as js:
            plan = await js.call("planBatch", BATCH)
            assert (plan["batchId"], plan["priceUsd"], plan["exists"], plan["refusal"]) == ("night", 0, False, None)
            ordered = await js.call("orderBatch", BATCH)
            assert [video["videoId"] for video in ordered["videos"]] == NAMES
            await js.kill()
        async with node(url) as js:
            assert (await js.call("orderBatch", BATCH))["states"]["queued"] == 3
            facade.kill()
            waiting = js.ask("waitForBatch", "night")
            asking = js.ask("orderBatch", BATCH)
            with _again(house, url), house.worker():
                assert [video["videoId"] for video in (await asking)["videos"]] == NAMES
                ended = await waiting
                assert (await js.call("batch", "night"))["ended"]
                other = {**BATCH, "requests": BATCH["requests"][:1]}  # type: ignore[index]
                reused = await refusal(js.ask("orderBatch", other))
                wrong = await refusal(js.ask("orderBatch", {"requests": [{"prompt": "short"}]}))
                nameless = await refusal(js.ask("batch", "a b"))
                missing = await refusal(js.ask("batch", "nothing"))
    assert [(video["videoId"], video["state"]) for video in ended["videos"]] == [(name, "succeeded") for name in NAMES]
    assert (reused["code"], wrong["field"]) == ("id_reused", "requests.0.prompt")
    assert (nameless["field"], missing["status"]) == ("batch_id", 404)
    assert len(house.finals()) == 3
