"""What every exporter promises: programs that read a timeline show each frame where the joined film does."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import opentimelineio as otio
import pytest

from infra.adapters import Adapters
from schemas.errors import Invalid
from schemas.ports import FilmExporter, Segment, Shot
from schemas.wire.film_parts import TransitionKind
from tests.contract.test_film_editor import lights

FORMATS = {"otio": "otio_json", "edl": "cmx_3600", "fcpxml": "fcp_xml"}
LENGTHS_MS = (2000, 1500, 1300, 1790)
DARKEST, STEP = 60, 2


def ramp(path: Path, *, frames: int = 48, fps: Fraction = Fraction(24), sound: bool = True) -> Path:
    """Write a video whose frame n has a luma of 60 + 2 n: a film of it says which of its frames it shows."""
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "qp": "0"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        track: Any = container.add_stream("aac", rate=48_000, layout="stereo") if sound else None
        for number in range(frames):
            picture = np.full((72, 64), 128, np.uint8)
            picture[:48] = DARKEST + STEP * number
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="yuv420p")))
        container.mux(video.encode(None))
        if track:
            silence = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
            silence.sample_rate = 48_000
            for number in range(int(frames / fps * 48_000 / 1024)):
                silence.pts = number * 1024
                container.mux(track.encode(silence))
            container.mux(track.encode(None))
    return path


def shots_in(folder: Path, **more: Any) -> list[Shot]:
    """A cut, a crossfade of an odd number of frames, a fade and a crossfade, trimmed in the middle of frames."""
    shots, begins = list[Shot](), 0
    ways: tuple[tuple[TransitionKind, int, int], ...] = (
        ("cut", 0, 0),
        ("crossfade", 370, 210),
        ("fade_black", 500, 0),
        ("crossfade", 600, 55),
    )
    for number, ((kind, fade_ms, trim_ms), length_ms) in enumerate(zip(ways, LENGTHS_MS, strict=True), 1):
        clip = ramp(folder / f"scene-{number}.mp4", **more)
        start_ms = begins - (fade_ms if kind == "crossfade" else 0)
        segment = Segment(
            clip=clip, trim_ms=trim_ms, length_ms=length_ms, start_ms=start_ms, kind=kind, fade_ms=fade_ms
        )
        shots.append(Shot(segment=segment, name=f"scene {number}", address=f"generated-videos/video_{number}.mp4"))
        begins = start_ms + length_ms
    return shots


@pytest.fixture
async def adapters() -> AsyncIterator[Adapters]:
    async with Adapters() as adapters:
        yield adapters


@pytest.fixture
async def exporter(adapters: Adapters) -> FilmExporter:
    return await adapters.film_exporter()


@dataclass(frozen=True)
class Seen:
    """A scene in a timeline that was read back, in frames."""

    name: str
    address: str
    source: int
    start: int
    frames: int
    dissolve: tuple[int, int]
    """Its frames before and after the cut to this scene."""


def read(text: str, export: str, rate: float) -> list[list[Seen]]:
    """Read a timeline as an editing program does, track by track."""
    more = {"rate": rate} if export == "edl" else {}
    timeline = otio.adapters.read_from_string(text, FORMATS[export], **more)
    return [scenes_of(track) for track in timeline.tracks]


def scenes_of(track: Any) -> list[Seen]:
    seen, dissolve = [], (0, 0)
    for item in track:
        if isinstance(item, otio.schema.Transition):
            dissolve = (item.in_offset.to_frames(), item.out_offset.to_frames())
        elif isinstance(item, otio.schema.Clip):
            place = track.trimmed_range_of_child(item)
            reference: Any = item.media_reference
            seen.append(
                Seen(
                    name=item.name,
                    address=reference.target_url,
                    source=item.source_range.start_time.to_frames(),
                    start=place.start_time.to_frames(),
                    frames=place.duration.to_frames(),
                    dissolve=dissolve,
                )
            )
            dissolve = (0, 0)
        else:
            dissolve = (0, 0)
    return seen


def alone_of(each: Seen, after: Sequence[Seen], *, dims: Sequence[bool]) -> range:
    """The frames of the film that show the scene alone, and not darker."""
    first, end = each.start + each.dissolve[1], each.start + each.frames
    end -= after[0].dissolve[0] if after else 0
    return range(first + 8 * dims[0], end - 8 * (len(dims) > 1 and dims[1]))


async def made(adapters: Adapters, shots: Sequence[Shot], folder: Path) -> list[float]:
    """The luma of each frame of the joined film."""
    await (await adapters.film_editor()).join([shot.segment for shot in shots], to=folder / "film.mp4")
    return lights(folder / "film.mp4")


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(30000, 1001)])
@pytest.mark.parametrize("export", FORMATS)
async def test_a_timeline_shows_each_frame_where_the_film_does(
    adapters: Adapters, exporter: FilmExporter, tmp_path: Path, export: Any, fps: Fraction
) -> None:
    shots = shots_in(tmp_path, fps=fps, frames=60)
    film = await made(adapters, shots, tmp_path)
    tracks = read((await exporter.write(export, shots, title="spring")).decode(), export, float(fps))
    assert len(tracks) == (1 if export == "edl" else 2)
    for seen in tracks:
        assert sum(each.frames for each in seen) == len(film)
        assert [each.start for each in seen[1:]] == [each.start + each.frames for each in seen[:-1]]
        assert [sum(each.dissolve) for each in seen] == [0, round(0.37 * fps), 0, round(0.6 * fps)]
        for number, each in enumerate(seen):
            alone = alone_of(
                each, seen[number + 1 :], dims=[shot.segment.kind == "fade_black" for shot in shots[number:]]
            )
            expected = [DARKEST + STEP * (each.source + tick - each.start) for tick in alone]
            assert [film[tick] for tick in alone] == pytest.approx(expected, abs=0.9)
            assert len(alone) > 8


@pytest.mark.parametrize("export", FORMATS)
async def test_a_timeline_names_the_videos_and_is_the_same_again(
    exporter: FilmExporter, tmp_path: Path, export: Any
) -> None:
    shots = shots_in(tmp_path)
    text = await exporter.write(export, shots, title="spring")
    assert text == await exporter.write(export, shots, title="spring")
    for seen in read(text.decode(), export, 24.0):
        if export == "edl":  # the reader takes what a dissolve comes from for what it leads to
            assert [each.name for each in seen] == [shot.address.rpartition("/")[2] for shot in shots]
        else:
            assert [each.address for each in seen] == [shot.address for shot in shots]
    assert all(shot.address in text.decode() and shot.name in text.decode() for shot in shots)
    assert str(tmp_path) not in text.decode()
    assert b"fade through black, 0.5 s" in text.lower()


async def test_scenes_of_which_one_is_silent_keep_step(exporter: FilmExporter, tmp_path: Path) -> None:
    first, second, *_ = shots_in(tmp_path)
    ramp(tmp_path / "scene-1.mp4", sound=False)
    picture, sound = read((await exporter.write("otio", [first, second], title="spring")).decode(), "otio", 24.0)
    assert sound == [picture[1]]


async def test_a_rate_that_timecodes_do_not_know_is_refused(exporter: FilmExporter, tmp_path: Path) -> None:
    shots = shots_in(tmp_path, fps=Fraction(13))
    with pytest.raises(Invalid, match="13 frames"):
        await exporter.write("edl", shots, title="spring")
    assert await exporter.write("otio", shots, title="spring")


@pytest.mark.parametrize("export", FORMATS)
async def test_a_card_is_a_clip_without_media_of_the_same_length(
    adapters: Adapters, exporter: FilmExporter, tmp_path: Path, export: Any
) -> None:
    scene = ramp(tmp_path / "scene.mp4")
    card = Segment(clip=tmp_path / "card", card="Spring\n& <more>", trim_ms=0, start_ms=0, length_ms=1100)
    faded = Segment(clip=scene, trim_ms=0, start_ms=700, length_ms=2000, kind="crossfade", fade_ms=400)
    shots = [
        Shot(segment=card, name="one", address=""),
        Shot(segment=faded, name="one", address="generated-videos/video_1.mp4"),
    ]
    film = await made(adapters, shots, tmp_path)
    text = (await exporter.write(export, shots, title="spring")).decode()
    timeline = otio.adapters.read_from_string(text, FORMATS[export])
    video = timeline.tracks[0]
    assert video.duration().to_frames() == len(film) == 65
    [first, second] = [item for item in video if isinstance(item, otio.schema.Clip)]
    assert first.name == "Spring & <more>"
    assert not isinstance(first.media_reference, otio.schema.ExternalReference)
    place = video.trimmed_range_of_child(second)
    assert (place.start_time + place.duration).to_frames() == 65
    later = 10  # the dissolve has ended by then
    source = second.source_range.start_time.to_frames() + later
    assert film[place.start_time.to_frames() + later] == pytest.approx(DARKEST + STEP * source, abs=0.9)
