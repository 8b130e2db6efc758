"""What every video store promises."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.errors import Invalid, NotFound
from schemas.ports import VideoStore

MP4 = "video/mp4"


async def names(videos: VideoStore, prefix: str) -> list[str]:
    return [file.name for file in await videos.list(prefix)]


async def content(videos: VideoStore, name: str, tmp_path: Path) -> bytes:
    copy = tmp_path / "copy"
    await videos.fetch(name, copy)
    return copy.read_bytes()


async def test_a_file_comes_back_as_it_was_put(videos: VideoStore, tmp_path: Path) -> None:
    source = tmp_path / "source.mp4"
    source.write_bytes(b"\x00\x01" * 1_000_000)
    assert await videos.put("generated-videos/a.mp4", source, content_type=MP4)
    assert await videos.put("references/b.png", b"picture", content_type="image/png")
    assert await content(videos, "generated-videos/a.mp4", tmp_path) == source.read_bytes()
    assert await content(videos, "references/b.png", tmp_path) == b"picture"


async def test_a_name_never_changes_what_it_holds(videos: VideoStore, tmp_path: Path) -> None:
    assert await videos.put("work/a.mp4", b"first", content_type=MP4)
    assert not await videos.put("work/a.mp4", b"second", content_type=MP4)
    assert await content(videos, "work/a.mp4", tmp_path) == b"first"


async def test_of_many_who_put_one_name_exactly_one_wins(videos: VideoStore, tmp_path: Path) -> None:
    bodies = [f"body {index}".encode() * 10_000 for index in range(24)]
    won = await asyncio.gather(*(videos.put("work/contested.mp4", body, content_type=MP4) for body in bodies))
    assert sum(won) == 1
    assert await content(videos, "work/contested.mp4", tmp_path) == bodies[won.index(True)]
    assert await names(videos, "") == ["work/contested.mp4"]


async def test_an_empty_file_is_a_file(videos: VideoStore) -> None:
    assert await videos.put("referrers/image.png/job-1", b"", content_type="text/plain")
    [stored] = await videos.list("referrers/image.png/")
    assert (stored.name, stored.size_bytes) == ("referrers/image.png/job-1", 0)


async def test_an_unknown_file_is_not_found(videos: VideoStore, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        await videos.fetch("work/nothing.mp4", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


async def test_everything_under_a_prefix_by_name(videos: VideoStore) -> None:
    for name in ("work/j1/0/1/b.mp4", "work/j1/0/1/a.mp4", "work/j1/1/1/a.mp4", "work/j10/0/1/a.mp4", "posters/p.jpg"):
        await videos.put(name, b"x" * 7, content_type=MP4)
    assert await names(videos, "work/j1/0/1/") == ["work/j1/0/1/a.mp4", "work/j1/0/1/b.mp4"]
    assert await names(videos, "work/j1/") == ["work/j1/0/1/a.mp4", "work/j1/0/1/b.mp4", "work/j1/1/1/a.mp4"]
    assert await names(videos, "work/j1") == [*await names(videos, "work/j1/"), "work/j10/0/1/a.mp4"]
    assert len(await names(videos, "")) == 5
    assert await names(videos, "nothing/here/") == []


async def test_a_listed_file_has_size_and_age(videos: VideoStore) -> None:
    await videos.put("work/a.mp4", b"x" * 7, content_type=MP4)
    (file,) = await videos.list("work/")
    assert file.size_bytes == 7
    assert abs(file.stored_at - datetime.now(UTC)) < timedelta(minutes=1)


async def test_a_deleted_file_is_gone_and_deleting_again_is_fine(videos: VideoStore) -> None:
    await videos.put("work/j/a.mp4", b"x", content_type=MP4)
    for name in ("work/j/a.mp4", "work/j/a.mp4", "work/never.mp4", "not/even/a/folder.mp4"):
        await videos.delete(name)
    assert await names(videos, "") == []
    assert await videos.put("work/j/a.mp4", b"y", content_type=MP4)


async def test_a_url_leads_to_the_name(videos: VideoStore) -> None:
    await videos.put("generated-videos/a_b-c.1.mp4", b"x", content_type=MP4)
    url = await videos.url_for("generated-videos/a_b-c.1.mp4")
    assert url.startswith("http")
    assert "/generated-videos/a_b-c.1.mp4" in url


@pytest.mark.parametrize(
    "name",
    ["", "/", "/etc/passwd", "../a", "a/../b", "a//b", "a/", ".hidden", "a/.hidden", "a\x00b", "a\\b", "a b", "Ä"],
)
async def test_an_unsafe_name_is_refused(videos: VideoStore, tmp_path: Path, name: str) -> None:
    with pytest.raises(Invalid):
        await videos.put(name, b"x", content_type=MP4)
    with pytest.raises(Invalid):
        await videos.fetch(name, tmp_path / "copy")
    with pytest.raises(Invalid):
        await videos.delete(name)
    with pytest.raises(Invalid):
        await videos.url_for(name)


@pytest.mark.parametrize("prefix", ["/", "../", "work/../../", ".", "a//"])
async def test_an_unsafe_prefix_is_refused(videos: VideoStore, prefix: str) -> None:
    with pytest.raises(Invalid):
        await videos.list(prefix)
