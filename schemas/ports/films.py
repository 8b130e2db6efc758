"""The films, stored beside the jobs, and the editor that joins their scenes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from schemas.domain.film import Film, FilmState
from schemas.ports.bus import Subscription
from schemas.ports.editor import Probe
from schemas.wire.film_parts import Captions, FilmExport, TransitionKind

FILM_REQUESTS = "film-requests"
FILM_COMPLETIONS = "film-completions"
FILM_WORKERS = Subscription(name="film-workers", topic=FILM_REQUESTS)
"""The subscription by which workers learn of films."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FilmQuery:
    """Which films to list. All conditions hold together. The newest come first."""

    state: FilmState | None = None
    project_id: str | None = None
    caller: str | None = None
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FilmPage:
    """One page of a listing. It may be short, though a next one exists: records of a newer version are left out."""

    films: Sequence[Film]
    cursor: str | None
    """The cursor of the next page; None on the last page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DueFilm:
    """A film whose next look has come."""

    film_id: str
    at: datetime
    """Its `next_check_at`."""


class Films(Protocol):
    """The records of films.

    A new adapter must guarantee that each change is a compare-and-set on `Film.stored_revision`: of two processes that
    save the same version, one gets `Conflict`. What was created is durable once `create` returns.
    `tests/contract/test_films.py` proves it.
    """

    async def create(self, film: Film) -> Film:
        """Store a new film. Return it with its revision. Raises `AlreadyExists`."""

    async def get(self, film_id: str) -> Film | None:
        """Return the newest version. Raises `NewerRecord`."""

    async def save(self, film: Film) -> Film:
        """Replace the version that `film.stored_revision` names. Raises `Conflict` if that is not the newest one."""

    async def due(self, now: datetime, *, limit: int, after: DueFilm | None = None) -> Sequence[DueFilm]:
        """Return the films whose `next_check_at` has come, the longest due first, then by their ids.

        `after` is the last one of the page before.
        """

    async def list(self, query: FilmQuery) -> FilmPage:
        """Return a page of the films that match. A film that does not change between pages is listed exactly once.

        Raises `Invalid` for a cursor that this listing did not return, and for a limit below 1.
        """

    async def list_ended_before(self, moment: datetime, *, limit: int) -> Sequence[str]:
        """Return the ids of films whose `Film.retention_start` is before that moment, the earliest first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A part of a clip, and how it follows the segment before it. Times are milliseconds."""

    clip: Path
    """Of a card, a name at which no file needs to be."""
    trim_ms: int
    length_ms: int
    start_ms: int
    """When the film begins to show it. Two segments overlap by the length of a crossfade."""
    kind: TransitionKind = "cut"
    fade_ms: int = 0
    chapter: str = ""
    """If it is set, a chapter of this name begins with it."""
    card: str = ""
    """If it is set, a card with this text is shown, and no clip."""
    script: str = ""
    """What captions say while the segment is shown, until the next one begins."""

    @property
    def ends_ms(self) -> int:
        """When the film has shown it."""
        return self.start_ms + self.length_ms


@dataclass(frozen=True, kw_only=True, slots=True)
class FilmMusicBed:
    """Music under the whole film."""

    file: Path
    """As its caller brought it: it may be hostile."""
    gain_db: float
    """Against the loudness of the scenes, if they are normalised, and else against the file."""
    ducks: bool
    """True if it is lowered while a scene is heard."""
    fade_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FilmSound:
    """What becomes of the sound of the scenes."""

    loudness_lufs: float | None = None
    """Each scene and the whole film get this integrated loudness; None: scenes stay as loud as they are."""
    true_peak_dbtp: float = -1.5
    """No peak of the film is higher."""
    music: FilmMusicBed | None = None


AS_LOUD_AS_RECORDED = FilmSound()


class FilmEditor(Protocol):
    """Joins the scenes of a film.

    A new adapter must guarantee that the file is as long as the segments say, to the frame; that each chapter begins
    with the first frame of its segment; that its sound keeps step with its picture; that the same segments make the
    same file; and that the memory it needs does not grow with the film. `tests/contract/test_film_editor.py` proves it,
    and `test_film_sound.py` beside it what is heard.
    """

    async def join(
        self,
        segments: Sequence[Segment],
        *,
        to: Path,
        sound: FilmSound = AS_LOUD_AS_RECORDED,
        captions: Captions | None = None,
    ) -> Probe:
        """Write one faststart MP4 in the size and frame rate of the first clip.

        The files of the captions are written beside it, with the extensions of their kinds, if there is a script.
        Raises `Invalid` if a file is certainly no video, and `LocalDisk`.
        """

    async def last_frame(self, clip: Path, to: Path, *, end_ms: int) -> None:
        """Write the sharpest frame of the half second before `end_ms` as a JPEG in the size of the clip.

        The same clip gives the same frame. Raises `Invalid` if the file is certainly no video, and `LocalDisk`.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class Shot:
    """A scene on the timeline for an editing program, which finds its video by the name or the address."""

    segment: Segment
    name: str
    address: str
    """Empty for a card."""


class FilmExporter(Protocol):
    """Writes the timeline of a film for editing programs.

    A new adapter must guarantee that each scene is shown from and to the same frame as in the joined film, and that the
    same shots make the same bytes. `tests/contract/test_film_exporter.py` proves it.
    """

    @property
    def exports(self) -> frozenset[FilmExport]:
        """What this installation can write."""

    async def write(self, export: FilmExport, shots: Sequence[Shot], *, title: str) -> bytes:
        """Return the file. The rate of its frames is that of the first scene. Raises `Invalid`."""


class NotMusic(Exception):
    """The file is no music that a film can have. The text says why, as the end of a sentence."""


class MusicReader(Protocol):
    """Looks at music that a caller brings, before a film with it is ordered.

    A new adapter must guarantee that a hostile file harms no process of ours. `tests/contract/test_music.py` proves it.
    """

    async def examine(self, file: Path, *, within_s: float) -> str:
        """Decode the file to its end, and return the extension of its type. Raises `NotMusic`."""
