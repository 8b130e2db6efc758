"""The finished files of an embedded store, and nothing else."""

import pytest

from publisher.facade.files import satisfiable_ranges
from tests.facade.doors import Door, door_over
from tests.facade.hand import VIDEO, Hand


@pytest.fixture
async def path(door: Door, hand: Hand) -> str:
    job = await hand.finish(await door.queued())
    return f"/videos/{job.final_name}"


async def test_a_file_and_its_head(door: Door, path: str) -> None:
    whole = await door.client.get(path)
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, VIDEO, "video/mp4")
    assert whole.headers["accept-ranges"] == "bytes"
    head = await door.client.head(path)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(VIDEO)))


@pytest.mark.parametrize(
    ("asked", "start", "end"), [("bytes=0-99", 0, 100), ("bytes=100-", 100, len(VIDEO)), ("bytes=-5", -5, None)]
)
async def test_a_range(door: Door, path: str, asked: str, start: int, end: int | None) -> None:
    part = await door.client.get(path, headers={"Range": asked})
    assert (part.status_code, part.content) == (206, VIDEO[start:end])
    assert part.headers["content-range"].endswith(f"/{len(VIDEO)}")


async def test_two_ranges(door: Door, path: str) -> None:
    parts = await door.client.get(path, headers={"Range": "bytes=0-9, 20-29"})
    assert parts.status_code == 206
    assert parts.headers["content-type"].startswith("multipart/byteranges")


@pytest.mark.parametrize(
    "asked",
    ["bytes=999999-", "bytes=999999-,888888-", "bytes=-0", f"bytes={len(VIDEO)}-", "bytes=" + "9" * 5000 + "-"],
)
async def test_a_range_outside(door: Door, path: str, asked: str) -> None:
    part = await door.client.get(path, headers={"Range": asked})
    assert (part.status_code, part.headers["content-range"]) == (416, f"bytes */{len(VIDEO)}")
    assert part.json()["error"]["code"] == "range_not_satisfiable"


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("bytes=0-1,999999999-", "0-1"),
        ("bytes=999999999-,5-9", "5-9"),
        ("bytes=-0,0-0", "0-0"),
        ("bytes=0-5,3-9", "0-9"),
        ("bytes=0-,0-,-5", f"0-{len(VIDEO) - 1}"),
        (f"bytes=-{len(VIDEO) + 1000}", f"0-{len(VIDEO) - 1}"),
        ("bytes=5-" + "9" * 5000, f"5-{len(VIDEO) - 1}"),
        ("BYTES=\t1-2 ,, ", "1-2"),
        ("bytes=" + "0" * 5000 + "1-2", "1-2"),
    ],
)
async def test_what_can_be_had_of_several_ranges(door: Door, path: str, asked: str, given: str) -> None:
    part = await door.client.get(path, headers={"Range": asked})
    first, last = map(int, given.split("-"))
    assert (part.status_code, part.headers["content-range"]) == (206, f"bytes {given}/{len(VIDEO)}")
    assert part.content == VIDEO[first : last + 1]


@pytest.mark.parametrize(
    "broken",
    [
        "bytes=abc",
        "lines=1-2",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=5-2",
        "bytes=0-1,x",
        "bytes=1 - 2",
        "bytes=1-2-3",
        "bytes=\u0661-\u0662",
        "bytes=a" + " " * 15_000 + "b",
        "bytes=0-1," + "\t" * 15_000 + "z",
        "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 2000, 2)),
    ],
)
async def test_a_broken_range_is_passed_over(door: Door, path: str, broken: str) -> None:
    whole = await door.client.get(path, headers={b"Range": broken.encode()})
    assert (whole.status_code, whole.content) == (200, VIDEO)


def test_a_range_header_costs_no_more_than_its_length() -> None:
    """Ten times a header of kilobytes: a pattern that backtracks would take minutes."""
    for odd in ("bytes=a" + " " * 200_000 + "b", "bytes=0-1," + "\t" * 200_000 + "z", "bytes=" + "=" * 200_000):
        assert satisfiable_ranges(odd, 1000) is None


async def test_a_head_has_no_range(door: Door, path: str) -> None:
    for asked in ("bytes=0-1", "bytes=999999-"):
        head = await door.client.head(path, headers={"Range": asked})
        assert (head.status_code, head.headers["content-length"]) == (200, str(len(VIDEO)))


async def test_a_range_of_another_version_is_the_whole_file(door: Door, path: str) -> None:
    head = (await door.client.head(path)).headers
    for version in (head["etag"], head["last-modified"]):
        part = await door.client.get(path, headers={"Range": "bytes=0-1", "If-Range": version})
        assert (part.status_code, part.content) == (206, VIDEO[:2])
    for version in ('"another"', f"W/{head['etag']}", "Wed, 21 Oct 2015 07:28:00 GMT"):
        for asked in ("bytes=0-1", "bytes=999999-"):
            whole = await door.client.get(path, headers={"Range": asked, "If-Range": version})
            assert (whole.status_code, whole.content) == (200, VIDEO)


@pytest.mark.parametrize(
    "form", ["{etag}", "W/{etag}", '"another", {etag}', "*", '"another" ,W/{etag}  '], ids=lambda form: form.split()[-1]
)
async def test_a_caller_that_has_the_file_gets_a_304(door: Door, path: str, form: str) -> None:
    head = (await door.client.head(path)).headers
    for ask in (door.client.get, door.client.head):
        answer = await ask(path, headers={"If-None-Match": form.format(**head), "Range": "bytes=999999-"})
        assert (answer.status_code, answer.content) == (304, b"")
        assert (answer.headers["etag"], answer.headers["cache-control"]) == (head["etag"], head["cache-control"])
        assert "content-length" not in answer.headers


async def test_a_caller_that_has_another_version_gets_the_file(door: Door, path: str) -> None:
    head = (await door.client.head(path)).headers
    for headers in (
        {"If-None-Match": '"another"'},
        {"If-None-Match": ""},
        {"If-None-Match": '"another"', "If-Modified-Since": head["last-modified"]},
        {"If-Modified-Since": "Wed, 21 Oct 2015 07:28:00 GMT"},
        {"If-Modified-Since": "yesterday"},
    ):
        answer = await door.client.get(path, headers=headers)
        assert (answer.status_code, answer.content) == (200, VIDEO), headers
    same = await door.client.get(path, headers={"If-Modified-Since": head["last-modified"]})
    assert (same.status_code, same.content) == (304, b"")


@pytest.mark.parametrize(
    "name",
    [
        "generated-videos/never.mp4",
        "generated-videos/",
        "generated-videos",
        "work/private.mp4",
        "references/private.png",
        "generated-videos/../work/private.mp4",
        "generated-videos/%2e%2e/work/private.mp4",
        "generated-videos/..%2fwork/private.mp4",
        "generated-videos//etc/passwd",
        "%2fetc/passwd",
        "generated-videos/a%00b",
        "reelbus.db",
    ],
)
async def test_nothing_else_is_shown(door: Door, name: str) -> None:
    await door.desk.videos.put("work/private.mp4", VIDEO, content_type="video/mp4")
    await door.desk.videos.put("references/private.png", VIDEO, content_type="image/png")
    answer = await door.client.get(f"http://localhost/videos/{name}")
    assert answer.status_code == 404
    assert answer.json()["success"] is False


async def test_another_store_has_its_own_address(door: Door, path: str) -> None:
    elsewhere = door.state["settings"].model_copy(update={"videos": "gs://bucket"})
    async with door_over({**door.state, "settings": elsewhere}) as other:
        assert (await other.client.get(path)).status_code == 404
