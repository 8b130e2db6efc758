"""A clip that was paid for is used, whatever it is like: cut to the length in time, its sound on its picture."""

import resource
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.stream
import numpy as np
import pytest

from infra.media.editor import assemble, keep, poster
from infra.media.probe import Probe, probe
from tests.unit.media_clips import Film, Shown, play, remux

RATES = [Fraction(rate) for rate in ("24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "60")]
UNEVEN = [n / 24 for n in range(24)] + [1 + n / 12 for n in range(12)] + [2 + n / 60 for n in range(120)]
HEVC = {"preset": "ultrafast", "x265-params": "log-level=error"}


def is_exact(made: Probe, shown: Shown, seconds: float) -> bool:
    frame = 1.02 / made.fps
    ends = [shown.container, shown.picture[1], made.duration_seconds]
    if shown.sound:
        ends.append(shown.sound[1])
    return shown.picture[0] <= frame and all(abs(end - seconds) <= max(frame, 0.0214) for end in ends)


def assembled(clips: list[Path], seconds: int, to: Path) -> tuple[Probe, Shown]:
    made = assemble(clips, duration_seconds=seconds, to=to)
    assert made == probe(to, decode=True)
    shown = play(to)
    assert is_exact(made, shown, seconds), (made, shown)
    return made, shown


def is_synchronous(shown: Shown, flashes: list[float], within: float = 0.05) -> bool:
    pairs = [(shown.flashes, flashes), *([(shown.beeps, flashes)] if shown.sound else [])]
    return all(
        len(found) == len(flashes) and all(abs(a - b) <= within for a, b in zip(found, wanted, strict=True))
        for found, wanted in pairs
    )


@pytest.mark.parametrize("fps", RATES, ids=lambda rate: f"{float(rate):.3f}")
@pytest.mark.parametrize("seconds", [1, 2, 3])
def test_length_is_exact_at_every_rate(tmp_path: Path, fps: Fraction, seconds: int) -> None:
    clip = Film(fps=fps).write(tmp_path / "clip.mp4")
    made, shown = assembled([clip], seconds, tmp_path / "to.mp4")
    assert made.fps == pytest.approx(float(fps), rel=1e-4)
    assert is_synchronous(shown, [0.5, 1.5][: 1 if seconds == 1 else 2])


def test_thirty_seconds_are_exact(tmp_path: Path) -> None:
    clips = [Film(seconds=31, fps=fps, size=(32, 16)).write(tmp_path / f"{float(fps)}.mp4") for fps in RATES[::3]]
    for clip in clips:
        assembled([clip], 30, tmp_path / "to.mp4")
    assembled([clips[1], clips[0]], 60, tmp_path / "to.mp4")


FILMS: dict[str, Film] = {
    "ten bits": Film(codec="libx265", pixels="yuv420p10le", options=HEVC),
    "4:4:4 of an odd size": Film(codec="libx265", pixels="yuv444p", options=HEVC, size=(65, 49)),
    "4:2:2": Film(pixels="yuv422p"),
    "full range": Film(pixels="yuvj420p"),
    "grey": Film(pixels="gray"),
    "rgb": Film(codec="libx264rgb", pixels="rgb24"),
    "odd size": Film(size=(853, 480), pixels="yuv444p", seconds=3),
    "vp9": Film(codec="libvpx-vp9", options={"deadline": "realtime", "cpu-used": "8"}),
    "mpeg4": Film(codec="mpeg4", options={}),
    "motion jpeg": Film(codec="mjpeg", pixels="yuvj422p", options={}),
    "prores": Film(codec="prores_ks", pixels="yuv422p10le", options={}, kind="mov"),
    "wide pixels": Film(aspect=Fraction(4, 3)),
    "b-frames": Film(options={"preset": "medium", "bf": "3"}),
    "uneven frames": Film(moments=UNEVEN, seconds=4),
    "no sound": Film(sound=None),
    "short sound": Film(sound_s=1.8),
    "mono": Film(layout="mono", rate_hz=44_100),
    "5.1": Film(layout="5.1"),
    "8 kHz": Film(layout="mono", rate_hz=8_000),
    "96 kHz": Film(rate_hz=96_000),
    "mp3": Film(sound="libmp3lame", rate_hz=44_100),
    "opus": Film(sound="libopus"),
    "pcm": Film(sound="pcm_f32le", kind="mov"),
    "webm": Film(codec="libvpx-vp9", sound="libopus", kind="webm", options={"deadline": "realtime", "cpu-used": "8"}),
    "matroska": Film(kind="matroska"),
    "transport stream": Film(kind="mpegts"),
    "fragments": Film(container={"movflags": "frag_keyframe+empty_moov"}),
    "milliseconds": Film(fps=Fraction(30_000, 1001), container={"video_track_timescale": "1000"}),
    "half a second short": Film(seconds=2.5),
    "two frames short": Film(seconds=3 - 2 / 24),
}


@pytest.mark.parametrize("name", FILMS)
def test_any_playable_clip_is_used(tmp_path: Path, name: str) -> None:
    clip = FILMS[name].write(tmp_path / "clip.mp4")
    made, shown = assembled([clip], 3, tmp_path / "to.mp4")
    assert is_synchronous(shown, [0.5, 1.5])
    assert (made.video_codec, made.audio_codec, made.faststart) == ("h264", FILMS[name].sound and "aac", True)
    with av.open(str(tmp_path / "to.mp4")) as container:
        looks = container.streams.video[0].codec_context
        assert looks.pix_fmt in ("yuv420p", "yuvj420p")
        assert (looks.width % 2, looks.height % 2) == (0, 0)


@pytest.mark.parametrize("seconds", [2, 3])
def test_frames_that_an_edit_list_hides_are_not_shown(tmp_path: Path, seconds: int) -> None:
    film = Film(seconds=3.5, options={"preset": "ultrafast", "g": "240"})
    source = film.write(tmp_path / "a.mp4")
    hidden = remux(source, tmp_path / "b.mp4", by_s=Fraction(-3, 8), avoid_negative_ts="disabled")
    _, shown = assembled([hidden], seconds, tmp_path / "to.mp4")
    assert is_synchronous(shown, [0.125, 1.125])
    assert shown.frames == 24 * seconds


@pytest.mark.parametrize("late", [3 / 24, 0.5])
@pytest.mark.parametrize("seconds", [2, 3])
def test_a_picture_that_begins_late_is_shown_from_the_start(tmp_path: Path, late: float, seconds: int) -> None:
    film = Film(late_s=late)
    _, shown = assembled([film.write(tmp_path / "a.mp4")], seconds, tmp_path / "to.mp4")
    flashes = [each + late for each in film.flashes if each + late < seconds]
    assert shown.flashes == pytest.approx(flashes, abs=0.03)
    assert shown.beeps == pytest.approx(film.flashes, abs=0.03)


def test_sound_that_begins_late_stays_late_however_it_is_made(tmp_path: Path) -> None:
    late, plain = Film(sound_late_s=0.4, sound_s=2.6), Film()
    clips = {name: film.write(tmp_path / f"{name}.mp4") for name, film in (("late", late), ("plain", plain))}
    hevc = Film(sound_late_s=0.4, codec="libx265", options=HEVC).write(tmp_path / "hevc.mp4")
    for order, seconds, flashes in (
        ([clips["late"]], 2, [0.5, 1.5]),
        ([hevc], 2, [0.5, 1.5]),
        ([clips["late"], clips["plain"]], 6, [0.5, 1.5, 3.5, 4.5]),
        ([clips["plain"], clips["late"]], 6, [0.5, 1.5, 3.5, 4.5]),
    ):
        _, shown = assembled(order, seconds, tmp_path / "to.mp4")
        assert is_synchronous(shown, flashes), shown


def test_both_tracks_move_together_to_the_start(tmp_path: Path) -> None:
    for by in (Fraction(1, 2), Fraction(10)):
        moved = remux(Film().write(tmp_path / "a.mp4"), tmp_path / "b.mp4", by_s=by)
        assert is_synchronous(assembled([moved], 2, tmp_path / "to.mp4")[1], [0.5, 1.5])


def test_gaps_in_the_sound_stay_where_they_are(tmp_path: Path) -> None:
    film = Film(sound="libmp3lame", rate_hz=44_100).write(tmp_path / "a.mp4")
    holes = remux(film, tmp_path / "b.mp4", keeps=lambda packet: not (_is_sound(packet) and 0.7 < _at(packet) < 1.3))
    assert is_synchronous(assembled([holes], 3, tmp_path / "to.mp4")[1], [0.5, 1.5])


def test_missing_frames_in_the_middle_are_held(tmp_path: Path) -> None:
    film = Film(options={"preset": "ultrafast", "g": "1"}).write(tmp_path / "a.mp4")
    holes = remux(film, tmp_path / "b.mp4", keeps=lambda packet: _is_sound(packet) or not 0.7 < _at(packet) < 1.3)
    assert is_synchronous(assembled([holes], 3, tmp_path / "to.mp4")[1], [0.5, 1.5])


def _is_sound(packet: Any) -> bool:
    return bool(packet.stream.type == "audio")


def _at(packet: Any) -> float:
    return float(packet.pts * packet.time_base)


@pytest.mark.parametrize(("rotation", "corner"), [(90, "right"), (180, "bottom"), (270, "left")])
def test_a_turned_clip_is_upright(tmp_path: Path, rotation: int, corner: str) -> None:
    stored = _quarters(tmp_path / "a.mp4")
    turned = remux(stored, tmp_path / "b.mp4", rotation=rotation)
    made = assemble([turned], duration_seconds=1, to=tmp_path / "to.mp4")
    assert (made.width, made.height) == ((64, 96) if rotation != 180 else (96, 64))
    poster(turned, tmp_path / "poster.jpg")
    with av.open(str(tmp_path / "to.mp4")) as container, av.open(str(tmp_path / "poster.jpg")) as still:
        for frame in (next(container.decode(video=0)), next(still.decode(video=0))):
            grey = frame.to_ndarray(format="gray").astype(int)
            # The stored picture is white in its upper left quarter; a turn is counted against the clock.
            wanted = np.rot90([[235, 40], [40, 40]], rotation // 90)
            found = [[grey[h // 2, w // 2] for w in _quarter(grey.shape[1])] for h in _quarter(grey.shape[0])]
            assert np.abs(np.array(found) - wanted).max() < 40, corner


def _quarter(length: int) -> tuple[int, int]:
    return length // 2, length * 3 // 2


def _quarters(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=24, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        picture = np.full((64, 96, 3), 40, np.uint8)
        picture[:32, :48] = 235
        for _ in range(24):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("codec", "pixels"),
    [("libx264", "yuvj420p"), ("libx264rgb", "rgb24"), ("libx264", "yuv444p"), ("libx264", "yuv420p10le")],
)
def test_white_stays_white_and_black_black(tmp_path: Path, codec: str, pixels: str) -> None:
    source = _quarters(tmp_path / "a.mp4")
    with av.open(str(source)) as old, av.open(str(tmp_path / "b.mp4"), "w") as new:
        stream: Any = new.add_stream(codec, rate=24)
        stream.width, stream.height, stream.pix_fmt = 96, 64, pixels
        for frame in old.decode(video=0):
            levels = np.where(frame.to_ndarray(format="rgb24") > 128, 255, 0).astype(np.uint8)
            new.mux(stream.encode(av.VideoFrame.from_ndarray(levels, format="rgb24").reformat(format=pixels)))
        new.mux(stream.encode(None))
    assemble([tmp_path / "b.mp4"], duration_seconds=1, to=tmp_path / "to.mp4")
    with av.open(str(tmp_path / "to.mp4")) as container:
        shown = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    assert shown[4:28, 4:44].min() > 245
    assert shown[36:60, 52:92].max() < 10


def test_lines_of_two_moments_are_made_into_whole_pictures(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        options = {"flags": "+ildct+ilme", "x264-params": "tff=1"}
        stream: Any = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for number in range(25):
            picture = np.full((96, 160, 3), 40, np.uint8)
            picture[0::2, 4 * number : 4 * number + 30] = 220
            picture[1::2, 4 * number + 2 : 4 * number + 32] = 220
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    assert _combing(tmp_path / "a.mp4") > 4
    assert assemble([tmp_path / "a.mp4"], duration_seconds=1, to=tmp_path / "to.mp4").frames == 25
    assert _combing(tmp_path / "to.mp4") < 1


def _combing(path: Path) -> float:
    with av.open(str(path)) as container:
        grey = list(container.decode(video=0))[12].to_ndarray(format="gray").astype(int)
    return float(np.abs(2 * grey[1:-1] - grey[:-2] - grey[2:]).mean())


def test_clips_of_different_shapes_are_joined_without_being_stretched(tmp_path: Path) -> None:
    wide = Film(size=(128, 64), seconds=1, flashes=(0.5,))
    tall = Film(size=(64, 128), seconds=2, fps=Fraction(30), flashes=(0.0,), sound=None)
    clips = [wide.write(tmp_path / "a.mp4"), tall.write(tmp_path / "b.mp4")]
    made, shown = assembled(clips, 3, tmp_path / "to.mp4")
    assert (made.width, made.height, made.fps, shown.frames) == (128, 64, 24, 72)
    with av.open(str(tmp_path / "to.mp4")) as container:
        grey = list(container.decode(video=0))[25].to_ndarray(format="gray").astype(int)
    assert grey[32, 64] > 200
    assert grey[32, 20] < 30
    assert grey[32, 108] < 30


def test_tracks_that_nobody_plays_do_not_matter(tmp_path: Path) -> None:
    source = Film().write(tmp_path / "a.mp4")
    with av.open(str(source)) as old, av.open(str(tmp_path / "b.mp4"), "w") as new:
        cover: Any = new.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        tracks = {
            s.index: [new.add_stream_from_template(s) for _ in range(1 + (s.type == "audio"))] for s in old.streams
        }
        grey = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 90, np.uint8), format="rgb24")
        new.mux(cover.encode(grey))
        new.mux(cover.encode(None))
        for packet in old.demux():
            if packet.dts is not None:
                copies = tracks[packet.stream.index]
                pts, dts = packet.pts, packet.dts
                for copy in copies:
                    packet.stream, packet.pts, packet.dts = copy, pts, dts
                    new.mux(packet)
    made, shown = assembled([tmp_path / "b.mp4"], 2, tmp_path / "to.mp4")
    assert (made.width, made.height) == (64, 48)
    assert is_synchronous(shown, [0.5, 1.5])


def test_bytes_behind_the_end_are_left_out(tmp_path: Path) -> None:
    clip = Film(seconds=2, container={"movflags": "+faststart"}).write(tmp_path / "a.mp4")
    exact = clip.read_bytes()
    assemble([clip], duration_seconds=2, to=tmp_path / "same.mp4")
    assert (tmp_path / "same.mp4").read_bytes() == exact
    clip.write_bytes(exact + b"\0\1rubbish" * 100)
    assembled([clip], 2, tmp_path / "to.mp4")
    assert b"rubbish" not in (tmp_path / "to.mp4").read_bytes()


def test_packets_that_are_lost_at_the_end_are_made_up_for(tmp_path: Path) -> None:
    clip = Film(container={"movflags": "+faststart"}, sound=None).write(tmp_path / "a.mp4")
    whole = clip.read_bytes()
    clip.write_bytes(whole[: int(len(whole) * 0.98)])
    with pytest.raises(ValueError, match="not a playable video"):
        probe(clip)
    assert is_synchronous(assembled([clip], 3, tmp_path / "to.mp4")[1], [0.5, 1.5])


def test_a_clip_that_is_much_too_short_is_delivered_and_says_so(tmp_path: Path) -> None:
    clip = Film(seconds=2, container={"movflags": "+faststart"}).write(tmp_path / "a.mp4")
    made = assemble([clip], duration_seconds=8, to=tmp_path / "to.mp4")
    assert (made.duration_seconds, made.defect) == (2, "its picture lasts 2.00 s, not 8 s")
    assert (tmp_path / "to.mp4").read_bytes() == clip.read_bytes()


def test_a_clip_that_no_encoder_takes_is_delivered_as_it_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.media.transcode.X264", {"preset": "no such preset"})
    clip = Film(pixels="yuv444p").write(tmp_path / "a.mp4")
    made = assemble([clip], duration_seconds=2, to=tmp_path / "to.mp4")
    assert made.defect
    assert "it can't be edited" in made.defect
    assert (tmp_path / "to.mp4").read_bytes() == clip.read_bytes()


def test_of_clips_that_cannot_be_joined_the_longest_is_kept(tmp_path: Path) -> None:
    clips = [Film(seconds=seconds).write(tmp_path / f"{seconds}.mp4") for seconds in (1, 3, 2)]
    made = keep(clips, to=tmp_path / "to.mp4", defect="for a reason")
    assert (made.duration_seconds, made.defect) == (3, "for a reason")
    assert (tmp_path / "to.mp4").read_bytes() == clips[1].read_bytes()


@pytest.mark.parametrize("kind", ["payload", "sound alone", "text"])
def test_what_is_certainly_no_video_is_refused(tmp_path: Path, kind: str) -> None:
    clip = tmp_path / "a.mp4"
    if kind == "payload":  # a fine index of frames none of which can be decoded
        data = Film(container={"movflags": "+faststart"}, sound=None).write(clip).read_bytes()
        at = data.index(b"mdat") + 4
        clip.write_bytes(data[:at] + bytes(len(data) - at))
    elif kind == "sound alone":
        with av.open(str(clip), "w") as container:
            stream: Any = container.add_stream("aac", rate=48_000, layout="mono")
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
            frame.sample_rate = 48_000
            container.mux([*stream.encode(frame), *stream.encode(None)])
    else:
        clip.write_bytes(b"this is no film" * 100)
    with pytest.raises(ValueError, match=r"a\.mp4 is not a playable video"):
        assemble([clip], duration_seconds=2, to=tmp_path / "to.mp4")
    assert not (tmp_path / "to.mp4").exists()


def test_a_full_disk_is_no_fault_of_the_clip(tmp_path: Path) -> None:
    clip = Film(options={"crf": "1"}, seconds=2).write(tmp_path / "a.mp4")
    for target in ("to.mp4", ".to.mp4"):
        assert not (tmp_path / target).exists()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (4, limits[1]))
    try:
        with pytest.raises(OSError, match="open files"):
            assemble([clip], duration_seconds=1, to=tmp_path / "to.mp4")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert assemble([clip], duration_seconds=1, to=tmp_path / "to.mp4").defect is None


def test_the_boxes_of_a_file_may_be_long(tmp_path: Path) -> None:
    clip = Film(seconds=2).write(tmp_path / "a.mp4")
    clip.write_bytes(clip.read_bytes() + struct.pack(">I4sQ", 1, b"free", 16))
    assembled([clip], 2, tmp_path / "to.mp4")
