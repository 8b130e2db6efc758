"""`/v1/videos` answers in the shape of OpenAI's API."""

import base64
from pathlib import Path
from typing import Any

import httpx
import pytest

from publisher.facade.openai_videos import routes as openai_routes
from publisher.facade.openai_videos.body import OpenAIVideoRequest
from publisher.facade.openai_videos.video import SIZES
from schemas.domain.events import CancelRequested
from schemas.errors import Category, Charged, Failure
from schemas.services.update import update_job
from schemas.wire.request import VideoRequest
from tests.facade.customers import ACME, KEYS, ZEBRA, Customer
from tests.facade.doors import PROMPT, Door, door_to, settings_for
from tests.facade.hand import POSTER, VIDEO, Hand, hand_at
from tests.images import png

VIDEOS = "/v1/videos"


async def create(door: Door, **body: Any) -> httpx.Response:
    return await door.client.post(VIDEOS, json={"prompt": PROMPT, **body})


async def made(door: Door, **body: Any) -> str:
    answer = await create(door, **body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


async def request_of(door: Door, video_id: str) -> VideoRequest:
    job = await door.desk.jobs.get(video_id)
    assert job is not None
    return job.request


async def form(door: Door, fields: list[tuple[str, Any]]) -> httpx.Response:
    """A `multipart/form-data` body."""
    files = [(name, value if isinstance(value, tuple) else (None, value)) for name, value in fields]
    client = httpx.AsyncClient(transport=door.client._transport, base_url="http://localhost")
    return await client.post(VIDEOS, files=files)


def refusal(answer: httpx.Response) -> dict[str, Any]:
    assert set(answer.json()) == {"error"}, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


async def test_a_video_from_the_queue_to_its_end(door: Door, hand: Hand) -> None:
    answer = await create(door)
    video = answer.json()
    assert answer.headers["openai-poll-after-ms"] == "1000"
    assert {name: video[name] for name in ("object", "model", "status", "progress", "prompt", "seconds", "size")} == {
        "object": "video",
        "model": "sora-2",
        "status": "queued",
        "progress": 0,
        "prompt": PROMPT,
        "seconds": "4",
        "size": "720x1280",
    }
    assert (video["completed_at"], video["expires_at"], video["error"]) == (None, None, None)
    await hand.start(video["id"])
    assert (await door.client.get(f"{VIDEOS}/{video['id']}")).json()["status"] == "in_progress"
    await hand.accept(video["id"])
    await hand.render(video["id"])
    await hand.store(video["id"])
    shown = await door.client.get(f"{VIDEOS}/{video['id']}")
    assert (shown.json()["status"], shown.json()["progress"]) == ("completed", 100)
    assert shown.json()["completed_at"] >= shown.json()["created_at"]
    assert shown.json()["expires_at"] is None
    assert "openai-poll-after-ms" not in shown.headers


async def test_when_a_video_expires(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, retention_days=3)) as door:
        video_id = await made(door)
        assert (await door.client.get(f"{VIDEOS}/{video_id}")).json()["expires_at"] is None
        async with hand_at(door.desk) as hand:
            await hand.finish(video_id)
        video = (await door.client.get(f"{VIDEOS}/{video_id}")).json()
        assert video["status"] == "completed"
        assert video["expires_at"] - video["completed_at"] == 3 * 86_400


async def test_why_a_video_was_not_made(door: Door, hand: Hand) -> None:
    failed, cancelled = await made(door), await made(door)
    words = "The model refused: /home/app/data/x.mp4"
    failure = Failure(category=Category.SAFETY_FILTER, code="blocked", message=words, charged=Charged.NO)
    await hand.fail(failed, failure)
    shown = (await door.client.get(f"{VIDEOS}/{failed}")).json()
    assert shown["status"] == "failed"
    assert shown["error"] == {"code": "blocked", "message": "The model refused: (a file of the server)"}
    event = CancelRequested(at=door.desk.clock.now(), reason=None, held=False)
    await update_job(door.desk.jobs, cancelled, lambda _: event)
    shown = (await door.client.get(f"{VIDEOS}/{cancelled}")).json()
    assert (shown["status"], bool(shown["error"]["message"])) == ("failed", True)


async def test_a_form_is_the_same_request_as_json(door: Door) -> None:
    image = base64.b64encode(png()).decode()
    asked = {"model": "sora-2-pro", "seconds": "8", "size": "1920x1080", "seed": "7", "max_cost_usd": "2.50"}
    answer = await form(
        door,
        [
            *asked.items(),
            ("prompt", PROMPT),
            ("labels", '{"team": "red"}'),
            ("generate_audio", "false"),
            ("input_reference", ("frame.bin", png(), "application/octet-stream")),
        ],
    )
    assert answer.status_code == 200, answer.text
    by_form = await request_of(door, answer.json()["id"])
    by_json = await request_of(
        door,
        await made(
            door,
            **asked,
            labels={"team": "red"},
            generate_audio=False,
            input_reference={"image_url": f"data:image/png;base64,{image}"},
        ),
    )
    assert by_form.fingerprint() == by_json.fingerprint()
    assert (by_form.quality, by_form.duration_seconds, by_form.resolution) == ("quality", 8, "1080p")
    assert (by_form.seed, by_form.labels, by_form.generate_audio) == (7, {"team": "red"}, False)
    assert by_form.reference_image is not None


@pytest.mark.parametrize(
    ("name", "quality", "model", "shown"),
    [
        ("sora-2", "fast", None, "sora-2"),
        ("sora-2-pro", "quality", None, "sora-2-pro"),
        ("fast", "fast", None, "sora-2"),
        ("mine", "fast", "animatic", "mine"),
        ("veo-3.1-generate-001", "fast", "veo-3.1-generate-001", "veo-3.1-generate-001"),
        (None, "fast", None, "sora-2"),
    ],
)
async def test_names_of_models_are_those_of_the_settings(
    tmp_path: Path, name: str | None, quality: str, model: str | None, shown: str
) -> None:
    names = "sora-2=fast, sora-2-pro=quality, mine=animatic"
    async with door_to(settings_for(tmp_path, openai_models=names)) as door:
        answer = await create(door, model=name)
        request = await request_of(door, answer.json()["id"])
        assert (request.quality, request.model, answer.json()["model"]) == (quality, model, shown)


@pytest.mark.parametrize("size", SIZES)
async def test_every_size_is_the_size_of_the_video(door: Door, size: str) -> None:
    answer = await create(door, size=size)
    width, height = (await request_of(door, answer.json()["id"])).frame_size
    assert answer.json()["size"] == f"{width}x{height}" == size


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        ({"prompt": "short"}, "prompt", "at least 10"),
        ({"prompt": None}, "prompt", "required"),
        ({"seconds": "31"}, "seconds", "30"),
        ({"seconds": "four"}, "seconds", "whole number"),
        ({"size": "1792x1024"}, "size", "1280x720"),
        ({"size": 720}, "size", "one of"),
        ({"model": "no model!"}, "model", ""),
        ({"model": 7}, "model", ""),
        ({"max_cost_usd": "much"}, "max_cost_usd", ""),
        ({"remix": "x"}, "remix", "not a known field"),
        ({"duration_seconds": 5}, "duration_seconds", "not a known field"),
        ({"input_reference": {"file_id": "file-1"}}, "input_reference", "image_url"),
        ({"input_reference": "https://example.com/a.png"}, "input_reference", "data: URL"),
        ({"input_reference": 7}, "input_reference", "file"),
    ],
)
async def test_a_wrong_field_is_named(door: Door, body: dict[str, Any], param: str, words: str) -> None:
    answer = await create(door, **body)
    error = refusal(answer)
    assert (answer.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert words in error["message"]
    assert "duration_seconds" not in error["message"] or param == "duration_seconds"
    assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ([("prompt", PROMPT), ("prompt", PROMPT)], "prompt"),
        ([("prompt", ("a.txt", PROMPT.encode()))], "prompt"),
        ([("prompt", PROMPT), ("input_reference", ("a.gif", b"GIF89a", "image/png"))], "input_reference"),
        ([("prompt", PROMPT), ("labels", "{")], "labels"),
        ([("prompt", PROMPT), *((f"x{n}", "1") for n in range(50))], None),
    ],
)
async def test_a_wrong_part_is_named(door: Door, fields: list[tuple[str, Any]], param: str | None) -> None:
    answer = await form(door, fields)
    assert (answer.status_code, refusal(answer)["param"]) == (400, param)


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("multipart/form-data", b"--x\r\n", 400),
        ("multipart/form-data; boundary=x", b"--x\r\nnonsense", 400),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n", 400),
        ("application/json", b"[", 400),
        ("application/json", b"[]", 400),
        ("text/plain", b"{}", 415),
        ("application/x-www-form-urlencoded", b"prompt=x", 415),
    ],
)
async def test_a_body_that_can_not_be_read(door: Door, kind: str, body: bytes, status: int) -> None:
    answer = await door.client.post(VIDEOS, content=body, headers={"content-type": kind})
    assert (answer.status_code, refusal(answer)["type"]) == (status, "invalid_request_error")


async def test_pages_in_both_orders(door: Door) -> None:
    ids = [await made(door, seconds=str(1 + n)) for n in range(5)]
    for order, expected in (("asc", ids), ("desc", ids[::-1])):
        found, after = list[str](), dict[str, str]()
        for _ in range(3):
            page = (await door.client.get(VIDEOS, params={"limit": 2, "order": order, **after})).json()
            assert page["object"] == "list"
            assert page["first_id"] == page["data"][0]["id"]
            found += [video["id"] for video in page["data"]]
            after = {"after": page["last_id"]}
        assert (found, page["has_more"]) == (expected, False)
    whole = (await door.client.get(VIDEOS)).json()
    assert [video["id"] for video in whole["data"]] == ids[::-1]


async def test_jobs_of_one_moment_are_listed_once(door: Door) -> None:
    """A page that ends among them goes on after the right one."""
    ids = {await made(door) for _ in range(4)}
    for job_id in ids:
        job = await door.desk.jobs.get(job_id)
        assert job is not None
        at = job.created_at.replace(microsecond=123456)
        await door.desk.jobs.save(job.model_copy(update={"created_at": at.replace(minute=0, second=0)}))
    found, after = list[str](), dict[str, str]()
    for _ in range(4):
        page = (await door.client.get(VIDEOS, params={"limit": 1, **after})).json()
        found += [video["id"] for video in page["data"]]
        after = {"after": page["last_id"]}
    assert {*found} == ids


async def test_the_oldest_first_has_a_limit(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_routes, "_ASCENDING_AT_MOST", 1)
    await made(door)
    assert (await door.client.get(VIDEOS, params={"order": "asc"})).status_code == 200
    await made(door)
    answer = await door.client.get(VIDEOS, params={"order": "asc"})
    assert (answer.status_code, refusal(answer)["param"]) == (400, "order")


@pytest.mark.parametrize(
    ("query", "status", "param"),
    [
        ({"limit": "0"}, 400, "limit"),
        ({"limit": "101"}, 400, "limit"),
        ({"order": "up"}, 400, "order"),
        ({"before": "x"}, 400, "before"),
        ({"after": "none"}, 404, None),
    ],
)
async def test_a_wrong_parameter_is_named(door: Door, query: dict[str, str], status: int, param: str | None) -> None:
    answer = await door.client.get(VIDEOS, params=query)
    assert (answer.status_code, refusal(answer)["param"]) == (status, param)


async def test_the_content_and_its_ranges(door: Door, hand: Hand) -> None:
    video_id = await made(door)
    path = f"{VIDEOS}/{video_id}/content"
    early = await door.client.get(path)
    assert (early.status_code, "not ready" in refusal(early)["message"]) == (400, True)
    await hand.finish(video_id)
    whole = await door.client.get(path)
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, VIDEO, "video/mp4")
    part = await door.client.get(path, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, VIDEO[10:20])
    beyond = await door.client.get(path, headers={"Range": f"bytes={len(VIDEO)}-"})
    assert (beyond.status_code, refusal(beyond)["type"]) == (416, "invalid_request_error")
    still = await door.client.get(path, params={"variant": "thumbnail"})
    assert (still.content, still.headers["content-type"]) == (POSTER, "image/jpeg")
    answer = await door.client.get(path, params={"variant": "audio"})
    assert (answer.status_code, refusal(answer)["param"]) == (400, "variant")


async def test_a_sheet_of_what_is_no_video_is_404(door: Door, hand: Hand) -> None:
    video_id = await made(door)
    await hand.finish(video_id)
    answer = await door.client.get(f"{VIDEOS}/{video_id}/content", params={"variant": "spritesheet"})
    assert answer.status_code == 404
    assert "the spritesheet of this video can't be made" in refusal(answer)["message"]


async def test_a_deleted_video_is_gone(door: Door, hand: Hand) -> None:
    video_id = await made(door)
    await hand.finish(video_id)
    answer = await door.client.delete(f"{VIDEOS}/{video_id}")
    assert answer.json() == {"id": video_id, "object": "video.deleted", "deleted": True}
    for path in (video_id, f"{video_id}/content"):
        gone = await door.client.get(f"{VIDEOS}/{path}")
        assert (gone.status_code, refusal(gone)["code"]) == (404, "erased")
    assert (await door.client.get(VIDEOS)).json()["data"] == []


async def test_deleting_a_video_that_waits_cancels_it(door: Door) -> None:
    video_id = await made(door)
    assert (await door.client.delete(f"{VIDEOS}/{video_id}")).status_code == 200
    job = await door.desk.jobs.get(video_id)
    assert job is not None
    assert (job.state, job.erased_at is not None) == ("cancelled", True)


async def test_deleting_a_video_that_is_being_submitted_is_refused(door: Door, hand: Hand) -> None:
    video_id = await made(door)
    await hand.start(video_id)
    answer = await door.client.delete(f"{VIDEOS}/{video_id}")
    assert (answer.status_code, answer.headers["x-should-retry"]) == (409, "true")
    job = await door.desk.jobs.get(video_id)
    assert job is not None
    assert job.cancel_requested


async def test_keys_and_callers(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, api_keys=KEYS)) as door:
        missing = await door.client.get(VIDEOS)
        assert (missing.status_code, refusal(missing)["type"]) == (401, "authentication_error")
        assert missing.headers["x-should-retry"] == "false"
        acme, zebra = Customer(door, ACME), Customer(door, ZEBRA)
        video_id = (await acme.call("POST", VIDEOS, json={"prompt": PROMPT})).json()["id"]
        assert (await acme.call("GET", f"{VIDEOS}/{video_id}")).json()["id"] == video_id
        assert len((await acme.call("GET", VIDEOS)).json()["data"]) == 1
        assert (await zebra.call("GET", VIDEOS)).json()["data"] == []
        for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
            other = await zebra.call(method, f"{VIDEOS}/{video_id}{path}")
            assert (other.status_code, refusal(other)["code"]) == (404, "not_found")


async def test_a_key_without_the_scope(tmp_path: Path) -> None:
    reader = KEYS[0].model_copy(update={"scopes": ("read",)})
    async with door_to(settings_for(tmp_path, api_keys=(reader,))) as door:
        acme = Customer(door, ACME)
        assert (await acme.call("GET", VIDEOS)).status_code == 200
        answer = await acme.call("POST", VIDEOS, json={"prompt": PROMPT})
        assert (answer.status_code, refusal(answer)["type"]) == (403, "permission_error")


async def test_the_limit_of_queued_jobs(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, max_queued_per_caller=1)) as door:
        await made(door)
        answer = await create(door)
        assert (answer.status_code, refusal(answer)["type"]) == (429, "rate_limit_error")
        assert (answer.headers["x-should-retry"], "retry-after" in answer.headers) == ("true", True)


@pytest.mark.parametrize(("path", "method", "status"), [("/v1/models", "GET", 404), (VIDEOS, "PUT", 405)])
async def test_other_addresses_below_it(door: Door, path: str, method: str, status: int) -> None:
    answer = await door.client.request(method, path)
    assert (answer.status_code, refusal(answer)["code"] is not None) == (status, True)


async def test_a_body_that_is_too_large(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, body_limit_bytes=100)) as door:
        answer = await create(door, user="x" * 200)
        assert (answer.status_code, refusal(answer)["code"]) == (413, "too_large")


def test_the_described_sizes_are_the_known_ones() -> None:
    described = OpenAIVideoRequest.model_json_schema()["properties"]["size"]["anyOf"][0]["enum"]
    assert described == list(SIZES)
