"""The video store in a folder: nobody climbs out of it, and nobody sees a half-written file."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.embedded import videos as embedded_videos
from infra.embedded.database import Database
from infra.embedded.videos import FolderVideos, read_or_create_secret
from schemas.errors import Invalid, NotFound, ReelbusError, Unavailable
from subscriber.scratch import delete_stale

MP4 = "video/mp4"


@pytest.fixture
def videos(tmp_path: Path) -> FolderVideos:
    return FolderVideos(tmp_path / "videos", "http://localhost:8000/")


@contextmanager
def largest_file(size_bytes: int) -> Iterator[None]:
    """The nearest to a full disk that needs no privileges."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_link_leads_nowhere(videos: FolderVideos, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.mp4").write_bytes(b"secret")
    (tmp_path / "videos" / "work").symlink_to(outside)
    (tmp_path / "videos" / "link.mp4").symlink_to(outside / "secret.mp4")
    (tmp_path / "videos" / "loop").symlink_to("loop")
    for name in ("work/secret.mp4", "work/new.mp4", "link.mp4"):
        with pytest.raises(Invalid):
            await videos.put(name, b"x", content_type=MP4)
        with pytest.raises(Invalid):
            await videos.fetch(name, tmp_path / "copy")
        with pytest.raises(Invalid):
            await videos.delete(name)
    with pytest.raises(ReelbusError):
        await videos.put("loop/x", b"x", content_type=MP4)
    with pytest.raises(ReelbusError):
        await videos.fetch("loop/x", tmp_path / "copy")
    assert [path.name for path in outside.iterdir()] == ["secret.mp4"]
    assert await videos.list("") == []
    with pytest.raises(Invalid):
        await videos.list("work/")


async def test_the_folder_itself_may_be_reached_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    videos = await FolderVideos.open(tmp_path / "link", "http://localhost")
    assert await videos.put("work/a.mp4", b"x", content_type=MP4)
    assert (tmp_path / "real" / "work" / "a.mp4").read_bytes() == b"x"


async def test_a_write_that_fails_leaves_nothing(videos: FolderVideos, tmp_path: Path) -> None:
    with largest_file(64 * 1024), pytest.raises(Unavailable):
        await videos.put("work/a.mp4", b"x" * 1024 * 1024, content_type=MP4)
    assert await videos.list("") == []
    assert [path for path in (tmp_path / "videos").rglob("*") if path.is_file()] == []
    assert await videos.put("work/a.mp4", b"x", content_type=MP4)


async def test_half_written_files_have_no_name(videos: FolderVideos, tmp_path: Path) -> None:
    (tmp_path / "videos" / ".incoming" / "half").write_bytes(b"half")
    assert await videos.list("") == []
    with pytest.raises(Invalid):
        await videos.fetch(".incoming/half", tmp_path / "copy")


async def test_what_a_killed_process_left_is_swept_after_a_day(videos: FolderVideos, tmp_path: Path) -> None:
    incoming = tmp_path / "videos" / ".incoming"
    for name, age_s in (("old", 25 * 3600), ("young", 3600)):
        (incoming / name).write_bytes(b"half")
        stamp = (incoming / name).stat().st_mtime - age_s
        os.utime(incoming / name, (stamp, stamp))
    await FolderVideos.open(tmp_path / "videos", "http://localhost")
    assert [path.name for path in incoming.iterdir()] == ["young"]


async def test_a_name_below_a_file_is_refused(videos: FolderVideos, tmp_path: Path) -> None:
    await videos.put("work/a", b"x", content_type=MP4)
    with pytest.raises(Invalid):
        await videos.put("work/a/b", b"x", content_type=MP4)
    with pytest.raises(NotFound):
        await videos.fetch("work/a/b", tmp_path / "copy")
    await videos.delete("work/a/b")
    await videos.delete("work")
    assert not await videos.put("work", b"x", content_type=MP4)


async def test_a_source_that_is_not_there_is_no_file(videos: FolderVideos, tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await videos.put("work/a.mp4", tmp_path / "nothing", content_type=MP4)
    assert await videos.list("") == []


async def test_where_no_folder_can_be_it_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable):
        await FolderVideos.open(tmp_path / "file" / "videos", "http://localhost")


async def test_urls_are_below_the_facade(videos: FolderVideos) -> None:
    assert await videos.url_for("posters/a.jpg") == "http://localhost:8000/videos/posters/a.jpg"
    assert videos.reads == frozenset()


async def test_the_data_folder_is_its_owner_s_alone(tmp_path: Path) -> None:
    data = tmp_path / "somewhere" / "data"
    before = os.umask(0o022)
    try:
        delete_stale(data / "scratch")
        videos = await FolderVideos.open(data / "videos", "http://localhost")
        read_or_create_secret(data / "videos")
        database = await Database.open(data / "reelbus.db")
        try:
            await database.write(lambda connection: connection.execute("CREATE TABLE t (x)"))
            await videos.put("work/a.mp4", b"film", content_type=MP4)
            files = [path for path in data.rglob("*") if path.is_file()]
            assert {path.name for path in files} >= {"reelbus.db", "reelbus.db-wal", "a.mp4", ".link-secret"}
            assert {oct(path.stat().st_mode & 0o777) for path in files} == {"0o600"}
        finally:
            await database.aclose()
    finally:
        os.umask(before)
    for folder in (data, data / "videos", data / "scratch"):
        assert oct(folder.stat().st_mode & 0o777) == "0o700"


async def test_a_folder_that_others_may_read_keeps_files_that_they_may_read(tmp_path: Path) -> None:
    """A web server in front of the folder goes on reading after an upgrade."""
    folder = tmp_path / "videos"
    folder.mkdir()
    folder.chmod(0o755)
    videos = await FolderVideos.open(folder, "http://localhost")
    await videos.put("work/a.mp4", b"film", content_type=MP4)
    assert oct((folder / "work/a.mp4").stat().st_mode & 0o044) == "0o44"


@pytest.mark.parametrize("as_bytes", [True, False])
async def test_what_a_bad_disk_made_of_a_file_gets_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_bytes: bool
) -> None:
    videos = await FolderVideos.open(tmp_path / "videos", "http://facade")
    (tmp_path / "film").write_bytes(b"film" * 1000)
    source = b"film" * 1000 if as_bytes else tmp_path / "film"
    write = embedded_videos._write

    def write_badly(path: Path, source: Path | bytes, mode: int) -> None:
        write(path, source, mode)
        with path.open("r+b") as file:
            file.seek(2000)
            file.write(b"?")

    monkeypatch.setattr(embedded_videos, "_write", write_badly)
    with pytest.raises(Unavailable, match="damaged"):
        await videos.put("generated-videos/a.mp4", source, content_type="video/mp4")
    assert await videos.list("generated-videos/") == []
    monkeypatch.undo()
    assert await videos.put("generated-videos/a.mp4", source, content_type="video/mp4")


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


@pytest.fixture
def linking(tmp_path: Path, scratch: Path) -> FolderVideos:
    return FolderVideos(tmp_path / "videos", "http://localhost:8000/", scratch)


async def test_scratch_files_are_linked_and_each_side_deletes_its_own_name(
    linking: FolderVideos, scratch: Path, tmp_path: Path
) -> None:
    made, stored = scratch / "made.mp4", tmp_path / "videos" / "work" / "a.mp4"
    made.write_bytes(b"film")
    made.chmod(0o644)
    assert await linking.put("work/a.mp4", made, content_type=MP4)
    assert stored.samefile(made)
    assert stored.stat().st_mode & 0o777 == 0o600, "the scratch file's own rights are not what a stored file has"
    made.unlink()
    await linking.fetch("work/a.mp4", scratch / "clip.mp4")
    assert stored.samefile(scratch / "clip.mp4")
    await linking.delete("work/a.mp4")
    assert (scratch / "clip.mp4").read_bytes() == b"film"
    assert await linking.put("final.mp4", scratch / "clip.mp4", content_type=MP4)
    assert not await linking.put("final.mp4", scratch / "clip.mp4", content_type=MP4)


async def test_a_second_fetch_leaves_the_stored_file_alone(linking: FolderVideos, scratch: Path) -> None:
    """A copy into the first one's link would put the one file's bytes under the other one's name."""
    for name in ("a", "b"):
        assert await linking.put(f"work/{name}.mp4", name.encode(), content_type=MP4)
    for name in ("a", "b", "b"):
        await linking.fetch(f"work/{name}.mp4", scratch / "clip.mp4")
        assert (scratch / "clip.mp4").read_bytes() == name.encode()
    await linking.fetch("work/a.mp4", scratch / "another.mp4")
    assert (scratch / "another.mp4").read_bytes() == b"a"


async def test_files_elsewhere_are_copied(linking: FolderVideos, tmp_path: Path) -> None:
    """What a person has fetched may be edited by that person."""
    outside = tmp_path / "outside.mp4"
    outside.write_bytes(b"film")
    assert await linking.put("work/a.mp4", outside, content_type=MP4)
    outside.write_bytes(b"edited")
    await linking.fetch("work/a.mp4", outside)
    assert outside.read_bytes() == b"film"
    outside.write_bytes(b"edited")
    await linking.fetch("work/a.mp4", tmp_path / "copy.mp4")
    assert (tmp_path / "copy.mp4").read_bytes() == b"film"


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.EMLINK])
async def test_where_a_link_is_refused_files_are_copied(
    linking: FolderVideos, scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Another file system, another owner, too many links."""
    link = os.link

    def refuse(source: Path, target: Path) -> None:
        if Path(source).is_relative_to(scratch) or Path(target).is_relative_to(scratch):
            raise OSError(number, os.strerror(number), str(source), None, str(target))
        link(source, target)

    monkeypatch.setattr(os, "link", refuse)
    (scratch / "made.mp4").write_bytes(b"film")
    assert await linking.put("work/a.mp4", scratch / "made.mp4", content_type=MP4)
    await linking.fetch("work/a.mp4", scratch / "clip.mp4")
    stored = tmp_path / "videos" / "work" / "a.mp4"
    assert stored.read_bytes() == (scratch / "clip.mp4").read_bytes() == b"film"
    assert len({path.stat().st_ino for path in (stored, scratch / "made.mp4", scratch / "clip.mp4")}) == 3


async def test_a_folder_with_a_group_of_its_own_gets_copies(
    linking: FolderVideos, scratch: Path, tmp_path: Path
) -> None:
    (tmp_path / "videos").chmod(0o2770)
    (scratch / "made.mp4").write_bytes(b"film")
    assert await linking.put("work/a.mp4", scratch / "made.mp4", content_type=MP4)
    assert not (tmp_path / "videos" / "work" / "a.mp4").samefile(scratch / "made.mp4")


async def test_the_names_of_folders_that_another_process_made_are_flushed(
    videos: FolderVideos, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """That process may have been killed before it flushed them."""
    flushed: list[Path] = []
    monkeypatch.setattr(embedded_videos, "flush_folder", flushed.append)
    root = videos._root
    (root / "work/one/0").mkdir(parents=True)
    await videos.put("work/one/0/a.mp4", b"a", content_type="video/mp4")
    assert {root, root / "work", root / "work/one", root / "work/one/0"} <= set(flushed)
    flushed.clear()
    await videos.put("work/one/0/b.mp4", b"b", content_type="video/mp4")
    assert flushed == [root / "work/one/0"]
