"""What every editor of films promises: lengths to the frame, sound in step, the same bytes again, and flat memory."""

import asyncio
import hashlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from infra.adapters import Adapters
from infra.animatic.render import COMMENT
from schemas.errors import Invalid
from schemas.ports import FilmEditor, Segment
from tests.contract.sounds import tone, write_music
from tests.unit.animatic_film import film
from tests.unit.media_clips import Film, play

FRAME_S = 1 / 24
GREY, FLASH = 40, 235


@pytest.fixture
async def editor() -> AsyncIterator[FilmEditor]:
    async with Adapters() as adapters:
        yield await adapters.film_editor()


def clip(path: Path, seconds: float = 2.0, **more: Any) -> Path:
    return Film(seconds=seconds, **{"flashes": (0.5,), **more}).write(path)


def segment(path: Path, start_ms: int, length_ms: int = 2000, **more: Any) -> Segment:
    return Segment(**{"clip": path, "trim_ms": 0, "start_ms": start_ms, "length_ms": length_ms, **more})


def lights(path: Path) -> list[float]:
    """The mean luma of each frame."""
    with av.open(str(path)) as container:
        return [float(frame.to_ndarray()[: frame.height].mean()) for frame in container.decode(video=0)]


def powers(path: Path, step_s: float) -> list[float]:
    """The power of the sound in each step."""
    with av.open(str(path)) as container:
        samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    size = int(step_s * 48_000)
    return [float(np.sqrt((samples[at : at + size] ** 2).mean())) for at in range(0, len(samples) - size, size)]


async def test_a_cut_is_where_the_plan_says(editor: FilmEditor, tmp_path: Path) -> None:
    one, two, to = clip(tmp_path / "one.mp4"), clip(tmp_path / "two.mp4", fps=30), tmp_path / "film.mp4"
    segments = [segment(one, 0), segment(two, 2000, 1250, trim_ms=250), segment(one, 3250)]
    probe = await editor.join(segments, to=to)
    shown = play(to)
    assert (probe.frames, shown.frames, probe.fps, probe.faststart) == (126, 126, 24, True)
    assert shown.flashes == pytest.approx([0.5, 2.25, 3.75], abs=FRAME_S)
    assert shown.beeps == pytest.approx(shown.flashes, abs=FRAME_S)
    assert shown.container == pytest.approx(5.25, abs=FRAME_S)


async def test_sixty_scenes_drift_no_more_than_one(editor: FilmEditor, tmp_path: Path) -> None:
    """Of a length that is no whole number of frames, so that every rounding would add up."""
    one, to = clip(tmp_path / "one.mp4", 1.0, flashes=(0.2,)), tmp_path / "film.mp4"
    await editor.join([segment(one, 710 * n, 710) for n in range(60)], to=to)
    shown = play(to)
    wanted = [0.2 + 0.71 * n for n in range(60)]
    assert shown.frames == round(42.6 * 24)
    assert shown.flashes == pytest.approx(wanted, abs=FRAME_S)
    assert shown.beeps == pytest.approx(wanted, abs=FRAME_S)


async def test_a_crossfade_dips_neither_in_light_nor_in_sound(editor: FilmEditor, tmp_path: Path) -> None:
    always: dict[str, Any] = {"flashes": [n / 10 for n in range(20)]}
    one, two, to = clip(tmp_path / "1.mp4", **always), clip(tmp_path / "2.mp4", **always), tmp_path / "film.mp4"
    probe = await editor.join([segment(one, 0), segment(two, 1500, kind="crossfade", fade_ms=500)], to=to)
    assert probe.frames == 84
    assert min(lights(to)) > FLASH - 20
    heard = powers(to, 0.1)[1:-1]
    assert min(heard) > 0.9 * heard[0], "tones that are alike add up, and no other sound gets lower"


async def test_a_crossfade_goes_from_one_picture_to_the_other(editor: FilmEditor, tmp_path: Path) -> None:
    dark = clip(tmp_path / "dark.mp4", flashes=())
    bright = clip(tmp_path / "bright.mp4", flashes=[n / 10 for n in range(20)])
    to = tmp_path / "film.mp4"
    await editor.join([segment(dark, 0), segment(bright, 1000, kind="crossfade", fade_ms=1000)], to=to)
    seen = lights(to)
    rising = seen[24:48]
    assert rising == sorted(rising)
    assert (seen[20] < 60, seen[50] > 200) == (True, True)
    assert rising[12] == pytest.approx((seen[20] + seen[50]) / 2, abs=15)


async def test_a_fade_is_black_and_silent_at_the_cut(editor: FilmEditor, tmp_path: Path) -> None:
    bright = clip(tmp_path / "bright.mp4", flashes=[n / 10 for n in range(20)])
    to = tmp_path / "film.mp4"
    probe = await editor.join([segment(bright, 0), segment(bright, 2000, kind="fade_black", fade_ms=1000)], to=to)
    seen, heard = lights(to), powers(to, 0.05)
    assert probe.frames == 96, "a fade takes nothing away"
    assert max(seen[47], seen[48]) < 35
    assert max(heard[39], heard[40]) < 0.1 * max(heard)
    assert seen[30] > 200


async def test_a_scene_without_sound_is_silent_and_keeps_its_place(editor: FilmEditor, tmp_path: Path) -> None:
    mute, loud, to = clip(tmp_path / "m.mp4", sound=None), clip(tmp_path / "l.mp4"), tmp_path / "film.mp4"
    await editor.join([segment(mute, 0), segment(loud, 2000)], to=to)
    shown = play(to)
    assert shown.flashes == pytest.approx([0.5, 2.5], abs=FRAME_S)
    assert shown.beeps == pytest.approx([2.5], abs=FRAME_S)
    assert (await editor.join([segment(mute, 0)], to=to)).audio_codec is None


async def test_the_same_segments_make_the_same_bytes(editor: FilmEditor, tmp_path: Path) -> None:
    one, two = clip(tmp_path / "one.mp4"), clip(tmp_path / "two.mp4")
    segments = [segment(one, 0), segment(two, 1500, kind="crossfade", fade_ms=500)]
    digests = set()
    for name in ("a.mp4", "b.mp4"):
        await editor.join(segments, to=tmp_path / name)
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1


async def test_what_is_no_video_is_invalid_and_leaves_nothing(editor: FilmEditor, tmp_path: Path) -> None:
    one, rubbish = clip(tmp_path / "one.mp4"), tmp_path / "rubbish.mp4"
    rubbish.write_bytes(b"no video at all" * 100)
    with pytest.raises(Invalid, match=r"rubbish\.mp4 is not a playable video"):
        await editor.join([segment(one, 0), segment(rubbish, 2000)], to=tmp_path / "film.mp4")
    assert not (tmp_path / "film.mp4").exists()


PROGRAM = """
import asyncio, json, resource, sys
from pathlib import Path
from infra.adapters import Adapters
from infra.animatic.render import COMMENT
from schemas.ports import Segment
from schemas.wire.film_parts import Captions

async def join(count):
    async with Adapters() as adapters:
        editor, one = await adapters.film_editor(), Path(sys.argv[1])
        words = [{"card": f"Part {n}"} if n % 3 == 2 else {"script": f"Caption {n}. " * 8} for n in range(count)]
        parts = [Segment(clip=one, trim_ms=0, start_ms=5000 * n, length_ms=5000, **words[n]) for n in range(count)]
        captions = Captions(sidecar=("vtt",), burn_in=True)
        await editor.join(parts, to=one.with_name("film.mp4"), captions=captions)

peaks = []
for count in (3, 20):
    asyncio.run(join(count))
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
print(json.dumps(peaks))
"""


@pytest.mark.slow
async def test_memory_does_not_grow_with_the_film(tmp_path: Path) -> None:
    """The sound of the longer film would need 33 MB as it is mixed, and its music as much."""
    one, music = clip(tmp_path / "one.mp4", 5.0), write_music(tmp_path / "music.mp3", tone(7, 440))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, str(one), str(music)), stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    short, long = json.loads(printed)
    assert long - short < 22


async def test_a_film_says_of_itself_what_all_of_its_scenes_say(editor: FilmEditor, tmp_path: Path) -> None:
    preview, other = film(tmp_path / "preview.mp4"), clip(tmp_path / "other.mp4", 1)
    second = {"start_ms": 1000, "length_ms": 1000}
    films = {
        "of previews": [
            segment(preview, 0, 1000),
            segment(preview, **second, card="The end"),
            segment(preview, 2000, 1000),
        ],
        "with another": [segment(preview, 0, 1000), segment(other, **second)],
    }
    comments = {}
    for name, segments in films.items():
        await editor.join(segments, to=tmp_path / f"{name}.mp4")
        with av.open(str(tmp_path / f"{name}.mp4")) as container:
            comments[name] = container.metadata.get("comment")
    assert comments == {"of previews": COMMENT, "with another": None}
