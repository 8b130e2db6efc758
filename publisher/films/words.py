"""Checks of a film's captions before anything is paid: a script must fit into the time in which it is shown."""

from collections.abc import Iterator, Sequence

from schemas.domain.film_cut import Cut
from schemas.domain.film_words import columns_of, script_columns_at_most
from schemas.errors import Invalid
from schemas.wire.film import FilmRequest

READABLE_PER_S = 20
"""Columns that people read in a second (https://partnerhelp.netflixstudios.com/hc/en-us/articles/217350977)."""


def check_captions(request: FilmRequest, cuts: Sequence[Cut]) -> None:
    """Raise `Invalid` for a script whose captions could not be shown for a second each."""
    places = {scene.name: index for index, scene in enumerate(request.scenes)}
    for cut, room_ms in _scripts_of(cuts):
        most, given = script_columns_at_most(room_ms), columns_of(cut.script)
        if given > most:
            field = f"scenes.{places[cut.name]}.scene.script"
            why = f"for its captions, as the film shows it for {room_ms / 1000:g} s, and has {given}"
            raise Invalid(f"{field} must have at most {most} characters {why}", field=field)


def find_caption_warnings(request: FilmRequest, cuts: Sequence[Cut]) -> Iterator[str]:
    """Yield what a caller should know of captions that are valid."""
    scripts = list(_scripts_of(cuts))
    if request.captions and not scripts:
        yield "no scene has a script, so the film has no captions"
    if request.captions and scripts and request.captions.embed and request.captions.burn_in:
        yield "the captions are drawn into the picture and embedded: a player may show them twice"
    fast = [cut.name for cut, room_ms in scripts if columns_of(cut.script) * 1000 > READABLE_PER_S * room_ms]
    if fast:
        yield f"the captions of these scenes are faster than people read: {', '.join(fast)}"


def _scripts_of(cuts: Sequence[Cut]) -> Iterator[tuple[Cut, int]]:
    """Yield each cut with a script, and for how many milliseconds its captions are shown."""
    for index, cut in enumerate(cuts):
        ends_ms = cut.start_ms + cut.length_ms
        if cut.script:
            yield cut, min([ends_ms, *(after.start_ms for after in cuts[index + 1 : index + 2])]) - cut.start_ms
