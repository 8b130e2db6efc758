"""The `FilmExporter` of OpenTimelineIO and its adapters for EDL (CMX 3600) and the XML of Final Cut Pro 7.

A program that reads a timeline cuts where the film does: each scene is placed by the frames that the film shows. A
crossfade is cut in its middle, with both scenes trimmed there; so its dissolve needs no frame that the film lacks, and
the CMX writer, which moves the cut to the beginning of the dissolve, finds the frames before it. A fade to black is a
cut with a marker, since the formats have no common form for it.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any

from infra.editors import find_exports
from infra.media.clip import Clip, read_clip
from infra.media.film_timeline import TimedScene, scenes_of
from schemas.domain.film_words import one_line
from schemas.errors import Invalid
from schemas.ports import Shot
from schemas.wire.film_parts import FilmExport

_AUDIO_FADE = {
    "name": "Cross Fade (+3dB)",
    "effectid": "KGAudioTransCrossFade3dB",
    "effecttype": "transition",
    "mediatype": "audio",
}
"""The crossfade that keeps the power of both sounds, in the words of Final Cut Pro 7."""


class OtioExporter:
    """Writes what the installed packages can write."""

    @property
    def exports(self) -> frozenset[FilmExport]:
        return find_exports()

    async def write(self, export: FilmExport, shots: Sequence[Shot], *, title: str) -> bytes:
        if export not in self.exports:
            raise Invalid(f"{export} needs the extra `editors`", field="outputs")
        return await asyncio.to_thread(_write, export, shots, title)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """Where a scene is alone on the timeline: from the middle of one crossfade to the middle of the next. In frames."""

    shot: Shot
    clip: Clip | None
    """None for a card."""
    shown: range
    first: int
    """The frame of the scene's video that is shown first."""
    before: int = 0
    """The frames of a crossfade before the cut to this scene."""
    after: int = 0


def _write(export: FilmExport, shots: Sequence[Shot], title: str) -> bytes:
    clips = [None if shot.segment.card else read_clip(shot.segment.clip) for shot in shots]
    rate = next(clip for clip in clips if clip).picture.rate
    timeline = _timeline_of(_places_of(shots, clips, rate), float(rate), title)
    return _FORMATS[export](timeline, float(rate)).encode()


def _places_of(shots: Sequence[Shot], clips: Sequence[Clip | None], rate: Fraction) -> list[_Place]:
    some_clip = next(clip for clip in clips if clip)
    scenes = scenes_of([shot.segment for shot in shots], [clip or some_clip for clip in clips], rate)
    cuts = [_cut_to(scene) for scene in scenes]
    ends = [*cuts[1:], scenes[-1].ticks.stop]
    return [
        _Place(
            shot=shot,
            clip=clip,
            shown=range(cut, end),
            first=_source_frame(scene, cut),
            before=cut - scene.ticks.start,
            after=scene.alone_from - cut,
        )
        for shot, clip, scene, cut, end in zip(shots, clips, scenes, cuts, ends, strict=True)
    ]


def _cut_to(scene: TimedScene) -> int:
    """Return the frame of the film that is the middle of the crossfade into the scene, or its beginning."""
    return (scene.ticks.start + scene.alone_from) // 2


def _source_frame(scene: TimedScene, tick: int) -> int:
    """Return the frame of the scene's video that the film shows at this tick: the one in the middle of the tick."""
    begins = Fraction(scene.segment.start_ms - scene.segment.trim_ms, 1000)
    return max(0, floor(tick + Fraction(1, 2) - begins * scene.rate))


def _timeline_of(places: Sequence[_Place], rate: float, title: str) -> Any:
    import opentimelineio as otio

    timeline = otio.schema.Timeline(name=title)
    kinds = [otio.schema.TrackKind.Video]
    if any(place.clip and place.clip.sound for place in places):
        kinds.append(otio.schema.TrackKind.Audio)
    for kind in kinds:
        track = otio.schema.Track(name=f"{kind[0]}1", kind=kind)
        track.extend(_items_of(places, rate, is_sound=kind == otio.schema.TrackKind.Audio))
        timeline.tracks.append(track)
    return timeline


def _items_of(places: Sequence[_Place], rate: float, *, is_sound: bool) -> Iterator[Any]:
    import opentimelineio as otio

    for number, place in enumerate(places, 1):
        if place.before and place.after:
            transition = otio.schema.Transition(
                name="Cross Dissolve",
                transition_type=otio.schema.TransitionTypes.SMPTE_Dissolve,
                in_offset=otio.opentime.RationalTime(place.before, rate),
                out_offset=otio.opentime.RationalTime(place.after, rate),
            )
            if is_sound:
                transition.metadata["fcp_xml"] = {"effect": dict(_AUDIO_FADE)}
            yield transition
        if is_sound and (place.clip is None or place.clip.sound is None):
            yield otio.schema.Gap(source_range=_range_of(0, len(place.shown), rate))
        else:
            item = _scene_of(place, place.clip, number, rate) if place.clip else _card_of(place, rate)
            item.markers.extend(_markers_of(place, rate))
            yield item


def _markers_of(place: _Place, rate: float) -> Iterator[Any]:
    import opentimelineio as otio

    if place.shot.segment.kind == "fade_black":
        name = f"fade through black, {place.shot.segment.fade_ms / 1000:g} s"
        marked = _range_of(place.first, 1, rate)
        yield otio.schema.Marker(name=name, marked_range=marked, color=otio.schema.MarkerColor.BLACK)


def _card_of(place: _Place, rate: float) -> Any:
    """Return a clip without media: the editing program has cards of its own."""
    import opentimelineio as otio

    return otio.schema.Clip(
        name=one_line(place.shot.segment.card),
        source_range=_range_of(place.first, len(place.shown), rate),
        metadata={"cmx_3600": {"reel": "BL"}},
    )


def _scene_of(place: _Place, clip: Clip, number: int, rate: float) -> Any:
    import opentimelineio as otio

    frames = max(round(clip.length * Fraction(rate)), place.first + len(place.shown))
    reference = otio.schema.ExternalReference(target_url=place.shot.address, available_range=_range_of(0, frames, rate))
    reference.name = place.shot.address.rpartition("/")[2]
    return otio.schema.Clip(
        name=place.shot.name,
        media_reference=reference,
        source_range=_range_of(place.first, len(place.shown), rate),
        metadata={"cmx_3600": {"reel": f"S{number:03}"}},
    )


def _range_of(start: int, frames: int, rate: float) -> Any:
    from opentimelineio.opentime import RationalTime, TimeRange

    return TimeRange(RationalTime(start, rate), RationalTime(frames, rate))


def _write_otio(timeline: Any, _: float) -> str:
    return str(timeline.to_json_string(indent=2))


def _write_edl(timeline: Any, rate: float) -> str:
    """Write the picture: a CMX 3600 list has one track. Raises `Invalid` for a rate that timecodes don't know."""
    from opentimelineio.adapters import write_to_string
    from opentimelineio.opentime import RationalTime

    if not RationalTime.is_smpte_timecode_rate(rate):
        raise Invalid(f"an EDL can't count {rate:g} frames a second", field="outputs")
    for item in timeline.find_clips():
        # Editing programs find a video by the name of the clip. The writer's markers have times of the wrong timeline.
        notes = [f"SCENE: {item.name}", *(f"{marker.name} INTO {item.name}".upper() for marker in item.markers)]
        item.metadata["cmx_3600"]["comments"] = notes
        item.name = item.media_reference.name or item.name
        item.markers.clear()
    return str(write_to_string(timeline, "cmx_3600", rate=rate, style="nucoda", reelname_len=8))


def _write_fcpxml(timeline: Any, _: float) -> str:
    from opentimelineio.adapters import write_to_string

    return str(write_to_string(timeline, "fcp_xml"))


_FORMATS = {"otio": _write_otio, "edl": _write_edl, "fcpxml": _write_fcpxml}
