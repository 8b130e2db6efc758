"""The final file: exactly as long as it was asked for, with the frames that it should have."""

import errno
import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from infra.media.editor import FileEditor, assemble
from infra.media.probe import Probe, probe

HEARD = 48_000


def clip(path: Path, frames: int, **look: object) -> Path:
    """A clip in which the brightness tells the number of the frame: 20, 22, 24 …"""
    fps, size, audio, fast, b_frames, first = (
        look.get(key, default)
        for key, default in (("fps", 24), ("size", (64, 48)), ("audio", True), ("fast", True), ("b", 0), ("first", 0))
    )
    assert isinstance(fps, int)
    assert isinstance(size, tuple)
    assert isinstance(first, int)
    options = {"movflags": "+faststart"} if fast else {}
    with av.open(str(path), "w", format="mp4", options=options) as container:
        video = container.add_stream("libx264", rate=fps, options={"crf": "8", "bf": str(b_frames), "b-adapt": "0"})
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        sound = container.add_stream("aac", rate=HEARD, layout="stereo") if audio else None
        for number in range(frames):
            planes = np.full((size[1] * 3 // 2, size[0]), 128, np.uint8)
            planes[: size[1]] = 20 + 2 * (first + number)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(video.encode(frame))
            if sound:
                tone = (0.2 * np.sin(np.arange(HEARD // fps) * 0.06)).astype(np.float32)
                heard = av.AudioFrame.from_ndarray(np.stack([tone, tone]), format="fltp", layout="stereo")
                heard.sample_rate, heard.pts = HEARD, number * (HEARD // fps)
                container.mux(sound.encode(heard))
        for stream in (video, sound):
            if stream:
                container.mux(list(stream.encode(None)))
    return path


def numbers(path: Path) -> npt.NDArray[np.int64]:
    """Which frames of the clip are shown, read from their brightness."""
    with av.open(str(path)) as container:
        means = [frame.to_ndarray()[: frame.height].mean() for frame in container.decode(video=0)]
    return np.rint((np.array(means) - 20) / 2).astype(np.int64)


def lengths(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float((stream.duration or 0) * (stream.time_base or 0)) for stream in container.streams]


def test_a_clip_that_is_right_is_copied_byte_for_byte(tmp_path: Path) -> None:
    source = clip(tmp_path / "a.mp4", 48)
    assemble([source], duration_seconds=2, to=tmp_path / "to.mp4")
    assert (tmp_path / "to.mp4").read_bytes() == source.read_bytes()


async def test_no_edit_writes_into_a_clip_or_a_finished_file(tmp_path: Path) -> None:
    """They may be links to stored files. Several edits to one target follow each other, as after a failure."""
    clips = [clip(tmp_path / "a.mp4", 48), clip(tmp_path / "b.mp4", 30, fast=False), clip(tmp_path / "c.mp4", 24, b=2)]
    editor, to = FileEditor(), tmp_path / "to.mp4"
    kept: dict[Path, bytes] = {each: each.read_bytes() for each in clips}
    for number, (used, seconds) in enumerate(
        [(clips[:1], 2), (clips[1:2], 1), (clips[:1], 1), (clips, 4), (clips[2:], 1), (clips[:1], 3)]
    ):
        await editor.assemble(used, duration_seconds=seconds, to=to)
        finished = tmp_path / f"stored-{number}.mp4"
        os.link(to, finished)
        kept[finished] = finished.read_bytes()
        await editor.poster(to, tmp_path / "poster.jpg")
        await editor.probe(to)
        await editor.measure(to)
    await editor.keep(clips, to=to, defect="it could not be edited")
    assert [path.name for path, content in kept.items() if path.read_bytes() != content] == []


def test_a_clip_is_copied_where_a_link_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    source, to = clip(tmp_path / "a.mp4", 48), tmp_path / "to.mp4"
    assemble([source], duration_seconds=2, to=to)
    assert to.samefile(source)
    monkeypatch.setattr(os, "link", refuse)
    assemble([source], duration_seconds=2, to=to)
    assert not to.samefile(source)
    assert to.read_bytes() == source.read_bytes()


def test_a_clip_without_faststart_gets_it_and_keeps_its_frames(tmp_path: Path) -> None:
    source = clip(tmp_path / "a.mp4", 48, fast=False)
    assert not probe(source).faststart
    made = assemble([source], duration_seconds=2, to=tmp_path / "to.mp4")
    assert made.faststart
    assert packets(source) == packets(tmp_path / "to.mp4")


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


@pytest.mark.parametrize("b_frames", [0, 2, 3])
@pytest.mark.parametrize("seconds", [1, 2, 3])
@pytest.mark.parametrize("audio", [True, False])
def test_a_trim_shows_the_first_frames_and_no_others(tmp_path: Path, b_frames: int, seconds: int, audio: bool) -> None:
    source = clip(tmp_path / "a.mp4", 96, b=b_frames, audio=audio)
    made = assemble([source], duration_seconds=seconds, to=tmp_path / "to.mp4")
    assert (made.frames, made.duration_seconds, made.faststart) == (24 * seconds, seconds, True)
    assert numbers(tmp_path / "to.mp4").tolist() == list(range(24 * seconds))
    assert all(abs(length - seconds) <= 0.0214 for length in lengths(tmp_path / "to.mp4"))


def test_frames_are_copied_and_not_encoded_again_where_that_is_right(tmp_path: Path) -> None:
    source = clip(tmp_path / "a.mp4", 96, b=0)
    assemble([source], duration_seconds=1, to=tmp_path / "to.mp4")
    assert packets(tmp_path / "to.mp4") == packets(source)[:24]


def test_clips_are_joined_in_order(tmp_path: Path) -> None:
    first, second = clip(tmp_path / "a.mp4", 36), clip(tmp_path / "b.mp4", 36, first=50)
    made = assemble([first, second], duration_seconds=2, to=tmp_path / "to.mp4")
    assert made.frames == 48
    assert numbers(tmp_path / "to.mp4").tolist() == [*range(36), *range(50, 62)]


def test_different_clips_become_like_the_first(tmp_path: Path) -> None:
    first = clip(tmp_path / "a.mp4", 24)
    second = clip(tmp_path / "b.mp4", 40, fps=30, size=(128, 96), audio=False, first=50)
    made = assemble([first, second], duration_seconds=2, to=tmp_path / "to.mp4")
    assert made == Probe(
        width=64,
        height=48,
        frames=48,
        fps=24.0,
        duration_seconds=2.0,
        video_codec="h264",
        audio_codec="aac",
        faststart=True,
    )
    shown = numbers(tmp_path / "to.mp4")
    assert shown[:24].tolist() == list(range(24))
    assert np.abs(shown[24:] - (50 + np.arange(24) * 30 / 24)).max() <= 1.1
    with av.open(str(tmp_path / "to.mp4")) as container:
        heard = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    assert np.abs(heard[:, 8_000:40_000]).max() > 0.1
    assert np.abs(heard[:, 60_000:]).max() < 0.01, "a clip without sound is silent"


def test_clips_without_sound_make_a_video_without_sound(tmp_path: Path) -> None:
    clips = [clip(tmp_path / f"{n}.mp4", 24, audio=False) for n in range(2)]
    assert assemble(clips, duration_seconds=2, to=tmp_path / "to.mp4").audio_codec is None


def test_up_to_half_a_second_is_held_and_more_is_said(tmp_path: Path) -> None:
    made = assemble([clip(tmp_path / "a.mp4", 36)], duration_seconds=2, to=tmp_path / "to.mp4")
    assert (made.frames, made.defect) == (48, None)
    assert numbers(tmp_path / "to.mp4").tolist() == [*range(36), *[35] * 12]
    short = [clip(tmp_path / "b.mp4", 24), clip(tmp_path / "c.mp4", 11)]
    made = assemble(short, duration_seconds=2, to=tmp_path / "short.mp4")
    assert (made.frames, made.defect) == (35, "its picture lasts 1.46 s, not 2 s")


def test_a_broken_clip_leaves_nothing_behind(tmp_path: Path) -> None:
    source = clip(tmp_path / "a.mp4", 96, fast=False)
    source.write_bytes(source.read_bytes()[:-400])
    with pytest.raises(ValueError, match=r"a\.mp4 is not a playable video"):
        assemble([source], duration_seconds=2, to=tmp_path / "to.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
