"""The music of a film: brought from where its caller says, looked at before anything is paid, and stored with the film.

The film keeps a copy of its own, named by its content. So a file that changes in its bucket makes another revision, and
one that is deleted there stops no film. The address is kept too: the same revision again does not read the bucket.
"""

import asyncio
import base64
import binascii
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from publisher.context import PublisherContext, films_of
from schemas.domain.film import Film
from schemas.domain.object_names import MUSIC, REFERENCE_SCHEME, REFERENCES, film_prefix, music_name, name_in_store
from schemas.errors import Invalid, NotFound
from schemas.ports import NotMusic
from schemas.wire.caller_names import to_stored_id
from schemas.wire.film import FilmRequest
from schemas.wire.film_audio import MUSIC_FIELD, MUSIC_MAX_BYTES, MUSIC_TYPES

_INLINE = "data:"
_WITHIN_S = 30.0
"""Half an hour of MP3 is decoded in a few seconds. The reader also limits the CPU time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StagedMusic:
    """A storyboard that names its music by its name in our store, and the file if that may not be stored yet."""

    request: FilmRequest
    file: Path | None = None
    source: str | None = None
    """The address in a bucket that the caller gave for it."""

    async def store(self, ctx: PublisherContext) -> None:
        """Store the file. It must be done before the film's record names it."""
        music = self.request.audio.music
        name = name_in_store(music.uri) if music else None
        if self.file and name:
            await ctx.videos.put(name, self.file, content_type=MUSIC_TYPES[name.rpartition(".")[2]])

    def note_source(self, film: Film) -> Film:
        """Return the record with the address of its music. It is not stored yet."""
        return film.model_copy(update={"music_source": self.source})


@asynccontextmanager
async def stage_music(ctx: PublisherContext, request: FilmRequest, caller: str | None) -> AsyncIterator[StagedMusic]:
    """Bring the music and look at it. Nothing is stored. The file exists for as long as the context.

    Raises `Invalid`, which names the field and what is wrong, and `Unavailable`.
    """
    music = request.audio.music
    if music is None:
        yield StagedMusic(request=request)
        return
    film_id = to_stored_id(caller, request.film_id)
    known = await films_of(ctx).get(film_id)
    known = known if known and known.caller == caller else None
    stored = _uri_of(known) if known else None
    if known and stored and known.music_source == music.uri and known.request.revision == request.revision:
        yield StagedMusic(request=_with_music(request, stored), source=music.uri)  # its bucket may have lost the file
        return
    if music.uri.startswith(REFERENCE_SCHEME):
        if music.uri != stored:
            raise _invalid("names no music that was stored before with this film")
        yield StagedMusic(request=request, source=known.music_source if known else None)
        return
    source = None if music.uri.startswith(_INLINE) else music.uri
    with TemporaryDirectory(prefix="music-", ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "music"
        await _bring(ctx, music.uri, file)
        digest = await asyncio.to_thread(_digest_of, file)
        if stored and stored.startswith(f"{REFERENCE_SCHEME}{film_prefix(MUSIC, film_id)}{digest[:12]}."):
            yield StagedMusic(request=_with_music(request, stored), source=source)  # it was looked at before
            return
        extension = await _examine(ctx, file, caller)
        uri = REFERENCE_SCHEME + music_name(film_id, digest, extension)
        yield StagedMusic(request=_with_music(request, uri), file=file, source=source)


def _uri_of(film: Film) -> str | None:
    return film.request.audio.music.uri if film.request.audio.music else None


def _with_music(request: FilmRequest, uri: str) -> FilmRequest:
    assert request.audio.music is not None
    music = request.audio.music.model_copy(update={"uri": uri})
    return request.model_copy(update={"audio": request.audio.model_copy(update={"music": music})})


async def _bring(ctx: PublisherContext, uri: str, to: Path) -> None:
    """Write the music to a local file."""
    if uri.startswith(_INLINE):
        await asyncio.to_thread(_write_inline, uri, to)
        return
    readable = sorted(start for start in ctx.videos.reads if not start.endswith(f"/{REFERENCES}"))
    if not uri.startswith(tuple(readable)):
        where = " and ".join(readable) or "no bucket"
        words = f"can't be read from {uri[:300]}: this deployment reads music from {where}"
        raise _invalid(f"{words}; send the file as a data: URL")
    try:
        await ctx.videos.fetch(uri, to)
    except NotFound as error:
        raise _invalid(f"names no file: {error}") from error
    except Invalid as error:
        raise _invalid(str(error)) from error


def _write_inline(uri: str, to: Path) -> None:
    encoded = uri.partition(",")[2]
    if len(encoded) * 3 // 4 > MUSIC_MAX_BYTES + 2:
        raise _too_large(len(encoded) * 3 // 4)
    try:
        to.write_bytes(base64.b64decode(encoded, validate=True))
    except binascii.Error as error:
        raise _invalid("must be valid base64") from error


def _too_large(size_bytes: int) -> Invalid:
    return _invalid(f"must have at most {MUSIC_MAX_BYTES:,} bytes, not {size_bytes:,}")


def _digest_of(file: Path) -> str:
    """Return the SHA-256. Raises `Invalid` for a file that is too large."""
    if (size_bytes := file.stat().st_size) > MUSIC_MAX_BYTES:
        raise _too_large(size_bytes)
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


async def _examine(ctx: PublisherContext, file: Path, caller: str | None) -> str:
    if ctx.music is None:
        raise _invalid("can't be looked at in this deployment")
    try:
        with ctx.music_looks.hold(caller):
            return await ctx.music.examine(file, within_s=_WITHIN_S)
    except NotMusic as error:
        raise _invalid(str(error)) from error


def _invalid(words: str) -> Invalid:
    return Invalid(f"{MUSIC_FIELD} {words}", field=MUSIC_FIELD)
