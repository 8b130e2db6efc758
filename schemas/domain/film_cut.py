"""The cut of a film: what it shows when, and the name of its file. Pure.

All times are whole milliseconds: no rounding depends on the machine.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from pydantic_core import to_json

from schemas.domain.film import Film, SceneJob
from schemas.domain.film_words import chapter_of, name_chapter, script_of
from schemas.domain.object_names import FINALS, film_prefix
from schemas.versioning import Stored
from schemas.wire.film import FilmRequest, FilmScene, FilmSceneEnd, FilmTitleEnd, OnSceneFailure
from schemas.wire.film_parts import FilmExport, TitleCard, Transition, TransitionKind

_EXTENSIONS: dict[FilmExport, str] = {"otio": "otio", "edl": "edl", "fcpxml": "xml"}
_SOUND_RULES = 1
"""Part of the name of each file. It grows when the same storyboard is to sound otherwise."""


class Cut(Stored):
    """One scene in the finished film, or a card."""

    name: str
    """The scene. A title card has the name of the one that it was ordered for."""
    job_id: str
    """Empty for a card."""
    start_ms: int
    """When the film begins to show it."""
    length_ms: int
    trim_ms: int
    """What is left out of its beginning."""
    kind: TransitionKind
    fade_ms: int
    card: str = ""
    """The text of a card."""
    is_title: bool = False
    """True for a title card; the card that stands in for a scene is none."""
    chapter: str = ""
    """If it is set, a chapter of this name begins with it."""
    script: str = ""
    """What its captions say."""

    @property
    def start_s(self) -> float:
        """When the film begins to show it, in seconds."""
        return self.start_ms / 1000

    @property
    def end_s(self) -> float:
        """When the film has shown it, in seconds."""
        return (self.start_ms + self.length_ms) / 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """A cut without its place."""

    name: str
    length_ms: int
    transition: Transition
    job_id: str = ""
    trim_ms: int = 0
    card: str = ""
    is_title: bool = False
    chapter: str = ""
    script: str = ""


def cuts_of(film: Film) -> tuple[Cut, ...]:
    """Return the cut of the film: without its dropped scenes, or with cards for them."""
    cuts: list[Cut] = []
    for part in _parts_of(film):
        cuts.append(_place(part, cuts[-1] if cuts else None))
    return tuple(cuts)


def _parts_of(film: Film) -> Iterator[_Part]:
    titles = {title.before: title for title in film.request.titles}
    has_cards = film.request.on_scene_failure is OnSceneFailure.CARD
    for entry, scene in zip(film.scenes, film.request.scenes, strict=True):
        title, is_dropped = titles.get(scene.name), scene.name in film.dropped
        is_shown = has_cards or not is_dropped
        if title:
            yield _part_of_title(title, chapter_of(scene) if is_shown else name_chapter(title.text, scene.name))
        if is_shown:
            yield _part_of_scene(film.request, entry, scene, is_dropped=is_dropped, has_title=title is not None)


def _part_of_title(title: TitleCard, chapter: str) -> _Part:
    return _Part(
        name=title.before,
        length_ms=_milliseconds(title.seconds),
        transition=title.transition,
        card=title.text,
        is_title=True,
        chapter=chapter,
    )


def _part_of_scene(
    request: FilmRequest, entry: SceneJob, scene: FilmScene, *, is_dropped: bool, has_title: bool
) -> _Part:
    """Build the part of a scene. A chapter begins with its title card if it has one."""
    trim_ms = _milliseconds(scene.trim.start)
    end_ms = entry.seconds * 1000 if scene.trim.end is None else _milliseconds(scene.trim.end)
    return _Part(
        name=scene.name,
        job_id="" if is_dropped else entry.job_id,
        length_ms=end_ms - trim_ms,
        trim_ms=0 if is_dropped else trim_ms,
        transition=scene.transition,
        card=chapter_of(scene) if is_dropped else "",
        chapter="" if has_title else chapter_of(scene),
        script=script_of(scene) if request.captions and not is_dropped else "",
    )


def _place(part: _Part, before: Cut | None) -> Cut:
    """Return the part behind the cut before it. A crossfade shows both at once."""
    kind, fade_ms = _transition_of(part, before)
    ends_ms = before.start_ms + before.length_ms if before else 0
    return Cut(
        name=part.name,
        job_id=part.job_id,
        start_ms=ends_ms - (fade_ms if kind == "crossfade" else 0),
        length_ms=part.length_ms,
        trim_ms=part.trim_ms,
        kind=kind,
        fade_ms=fade_ms,
        card=part.card,
        is_title=part.is_title,
        chapter=part.chapter,
        script=part.script,
    )


def _transition_of(part: _Part, before: Cut | None) -> tuple[TransitionKind, int]:
    """Return kind and length. Beside a dropped scene, a fade is at most half of each scene that is left."""
    kind = part.transition.kind
    if kind == "cut" or (kind == "crossfade" and before is None):
        return "cut", 0
    most = min(part.length_ms, before.length_ms if before else part.length_ms) // 2
    return kind, min(_milliseconds(part.transition.seconds), most)


def length_s(cuts: Sequence[Cut]) -> float:
    """Return the length of the film in seconds."""
    return cuts[-1].end_s if cuts else 0.0


def scene_ends(cuts: Sequence[Cut]) -> tuple[FilmSceneEnd, ...]:
    """Return when the film shows each scene."""
    return tuple(
        FilmSceneEnd(name=cut.name, job_id=cut.job_id, start_s=cut.start_s, end_s=cut.end_s, is_card=bool(cut.card))
        for cut in cuts
        if not cut.is_title
    )


def title_ends(cuts: Sequence[Cut]) -> tuple[FilmTitleEnd, ...]:
    """Return when the film shows each title card."""
    return tuple(
        FilmTitleEnd(before=cut.name, text=cut.card, start_s=cut.start_s, end_s=cut.end_s)
        for cut in cuts
        if cut.is_title
    )


def film_name(film: Film, cuts: Sequence[Cut]) -> str:
    """Return the name of the finished file: the same for the same cut, words and sound of the same scenes."""
    cut = [each.model_dump(mode="json", exclude={"name"}, exclude_defaults=True) for each in cuts]
    edit: list[object] = [cut, _SOUND_RULES, film.request.audio.model_dump(mode="json")]
    captions = film.request.captions
    if captions and (captions.embed or captions.burn_in):
        edit.append({"embed": captions.embed, "burn_in": captions.burn_in})
    return f"{film_prefix(FINALS, film.film_id)}{hashlib.sha256(to_json(edit)).hexdigest()[:12]}.mp4"


def export_name(film_id: str, export: FilmExport, content: bytes) -> str:
    """Return the name of a timeline of the film: the same for the same content."""
    return f"{film_prefix(FINALS, film_id)}{hashlib.sha256(content).hexdigest()[:12]}.{_EXTENSIONS[export]}"


def _milliseconds(seconds: float) -> int:
    return round(Fraction(str(seconds)) * 1000)
