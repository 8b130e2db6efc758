"""An erased job at the facade: it can be seen, and is never made again."""

import base64

import pytest

from publisher.purge import purge
from tests.facade.doors import ASYNC, PROMPT, Door
from tests.facade.hand import Hand

IMAGE = (
    "data:image/png;base64,"
    + base64.b64encode(
        base64.b64decode(
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
        )
    ).decode()
)


async def _erased(door: Door, hand: Hand, **body: object) -> str:
    job_id = await door.queued(job_id="one", **body)
    await hand.finish(job_id)
    assert (await purge(door.desk, [job_id])).erased == [job_id]
    return job_id


async def test_the_view_says_so_and_holds_no_word_and_no_address(door: Door, hand: Hand) -> None:
    job_id = await _erased(door, hand, labels={"team": "growth"})
    shown = (await door.client.get(f"/api/videos/{job_id}")).json()
    assert shown["erased_at"].endswith("Z")
    assert (shown["state"], shown["video_url"], shown["poster_url"], shown["labels"]) == ("succeeded", None, None, {})
    assert shown["gcs_path"].startswith("generated-videos/")
    listed = (await door.client.get("/api/videos")).json()
    assert PROMPT not in str((shown, listed))


@pytest.mark.parametrize("headers", [{}, ASYNC])
async def test_a_repeat_is_gone_and_pays_nothing(door: Door, hand: Hand, headers: dict[str, str]) -> None:
    await _erased(door, hand)
    answer = await door.post(headers, job_id="one")
    assert answer.status_code == 410
    assert answer.json()["detail"].startswith("Gone: job one was erased at ")
    assert (answer.json()["error"]["code"], answer.json()["error"]["charged"]) == ("erased", "no")


async def test_the_image_of_a_repeat_does_not_stay(door: Door, hand: Hand) -> None:
    await _erased(door, hand, reference_image=IMAGE)
    assert (await door.post(job_id="one", reference_image=IMAGE)).status_code == 410
    assert await door.desk.videos.list("references/") == []
    assert await door.desk.videos.list("referrers/") == []


async def test_another_body_is_a_conflict(door: Door, hand: Hand) -> None:
    await _erased(door, hand)
    assert (await door.post(ASYNC, job_id="one", duration_seconds=9)).status_code == 409


async def test_a_caller_without_a_key_gets_a_new_job(door: Door, hand: Hand) -> None:
    await _erased(door, hand)
    assert await door.queued() != "one"


async def test_who_waited_when_it_was_erased_is_told(door: Door, hand: Hand) -> None:
    """Its end was not heard, and the look at the record comes after the purge."""
    await _erased(door, hand)
    waited = await door.client.get("/api/videos/one?wait=5")
    assert (waited.status_code, waited.json()["state"]) == (200, "succeeded")


async def test_a_cancel_changes_nothing(door: Door, hand: Hand) -> None:
    await _erased(door, hand)
    answer = await door.client.delete("/api/videos/one")
    assert (answer.status_code, answer.json()["state"]) == (200, "succeeded")
