"""Joins the videos of a film's scenes, under a claim in the film's record that is renewed while it works.

The join is free and can be repeated: it makes the same file under the same name. So a director that is killed loses
time alone. Two directors that join the same film at once store one file, and one of them stores the end.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from schemas.domain.film import (
    JOIN_CLAIM,
    JOINS_AT_MOST,
    Film,
    FilmResult,
    FilmState,
    has_video,
    join_failure,
)
from schemas.domain.film_cut import Cut, cuts_of, film_name, scene_ends, title_ends
from schemas.domain.job import Job
from schemas.domain.object_names import name_in_store
from schemas.errors import Conflict, Invalid, NotFound, Unavailable
from schemas.ports import FilmMusicBed, FilmSound, Segment, SourcePart
from schemas.wire.film import FilmFile
from schemas.wire.film_audio import FilmAudio
from schemas.wire.media_types import type_of_name
from subscriber.films.exports import store_exports
from subscriber.films.scenes import FilmContext, address_of, read_jobs
from subscriber.provenance import sign_made, tell_provenance
from subscriber.scratch import work_folder

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Claim:
    """The film as this director claimed it last."""

    film: Film


async def join_film(ctx: FilmContext, film: Film) -> None:
    """Join a film that this director has claimed, and store its end. Raises `Unavailable`: it can be repeated."""
    about = {"film_id": film.film_id, "revision": film.request.revision}
    claim = _Claim(film)
    try:
        async with _keep_claim(ctx, claim):
            end = await _end_of(ctx, film)
        saved = await ctx.films.save(end(claim.film))
    except Conflict:  # the film was cancelled or revised, or another director has joined it
        logger.info("a join was not needed", extra={**about, "action": "film_join_dropped"})
        return
    except BaseException as error:  # this worker lives: only a join that ends with its worker is counted
        wait = timedelta() if isinstance(error, asyncio.CancelledError) else JOIN_CLAIM
        with suppress(Conflict, Unavailable):
            await ctx.films.save(claim.film.release_join(ctx.clock.now(), wait=wait))
        raise
    facts = {"gcs_path": saved.result.gcs_path} if saved.state is FilmState.SUCCEEDED and saved.result else {}
    logger.info("joined a film", extra={**about, **facts, "action": "film_joined", "state": saved.state})


async def _end_of(ctx: FilmContext, film: Film) -> Callable[[Film], Film]:
    """Join the film, and return what becomes of its record."""
    try:
        result = await _make(ctx, film)
    except Invalid as error:
        failure = join_failure("bad_scene", f"The scenes can't be joined: {error}. They are kept.")
        return lambda newest: newest.end(ctx.clock.now(), FilmState.FAILED, failure)
    except (Conflict, Unavailable):
        raise
    except Exception as error:  # of the codecs: another attempt may do better
        cause = error
        logger.exception("the scenes can't be joined", extra={"action": "film_join_broke", "film_id": film.film_id})
        return lambda newest: _count_join(ctx, newest, cause)
    return lambda newest: newest.finish(ctx.clock.now(), result)


def _count_join(ctx: FilmContext, film: Film, error: Exception) -> Film:
    if film.joins + 1 < JOINS_AT_MOST:
        return film.claim_join(ctx.clock.now(), broke=True)
    words = f"The scenes could not be joined ({type(error).__name__}). They are kept."
    return film.end(ctx.clock.now(), FilmState.FAILED, join_failure("not_joined", words))


@asynccontextmanager
async def _keep_claim(ctx: FilmContext, claim: _Claim) -> AsyncIterator[None]:
    """Renew the claim in the record for as long as the context lasts."""
    renewing = asyncio.create_task(_renew_for_ever(ctx, claim))
    try:
        yield
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)


async def _renew_for_ever(ctx: FilmContext, claim: _Claim) -> None:
    """Renew until cancelled. A claim that was lost ends it: the result is then not stored."""
    while True:
        await ctx.clock.sleep(JOIN_CLAIM.total_seconds() / 3)
        try:
            # A cancel in the middle of the write would leave an old version in hand.
            saving = asyncio.ensure_future(ctx.films.save(claim.film.claim_join(ctx.clock.now())))
            try:
                claim.film = await asyncio.shield(saving)
            except asyncio.CancelledError:
                claim.film = await saving
                raise
        except Unavailable:
            continue


async def _make(ctx: FilmContext, film: Film) -> FilmResult:
    """Write the film, store it, and return what it is. Raises `Invalid` for a scene without a video."""
    cuts = cuts_of(film)
    jobs = {job.job_id: job for job in await read_jobs(ctx, film) if job and has_video(job)}
    if missing := next((cut.name for cut in cuts if not cut.card and cut.job_id not in jobs), None):
        raise Invalid(f"the video of scene {missing} was erased")
    name = film_name(film, cuts)
    with work_folder(ctx.scratch, "film") as folder:
        clips = {
            job_id: await _fetch(ctx, jobs[job_id], folder) for job_id in {cut.job_id: None for cut in cuts} if job_id
        }
        to = folder / "film.mp4"
        segments = [_segment_of(cut, clips.get(cut.job_id, folder / "card")) for cut in cuts]
        asked = film.request
        sound = await _fetch_sound(ctx, asked.audio, folder)
        probe = await ctx.film_editor.join(segments, to=to, sound=sound, captions=asked.captions)
        files = await _store_captions(ctx, film, to, name)
        await _sign(ctx, film, cuts, clips, to)
        await _put_or_take(ctx, name, to)
        provenance = await tell_provenance(ctx.provenance, to, list(clips.values()))
        size_bytes = to.stat().st_size
        exports = await store_exports(ctx, film, cuts, segments, jobs)
    return FilmResult(
        revision=film.request.revision,
        gcs_path=name,
        duration_seconds=probe.duration_seconds,
        width=probe.width,
        height=probe.height,
        size_bytes=size_bytes,
        scenes=scene_ends(cuts),
        titles=title_ends(cuts),
        files=(*files, *exports),
        provenance=provenance,
    )


async def _sign(ctx: FilmContext, film: Film, cuts: Sequence[Cut], clips: Mapping[str, Path], to: Path) -> None:
    """Give the film a manifest that names its scenes, if they have manifests."""
    asked = film.request
    burns_in = asked.captions is not None and asked.captions.burn_in
    await sign_made(
        ctx.provenance,
        to,
        [SourcePart(file=clips[cut.job_id], shown_s=(cut.start_s, cut.end_s)) for cut in cuts if cut.job_id],
        is_composite=True,
        adds_more=any(cut.card for cut in cuts) or burns_in or asked.audio.music is not None,
        about={"film_id": film.film_id},
    )


async def _put_or_take(ctx: FilmContext, name: str, film: Path) -> None:
    """Store the film. If another attempt has stored it, take that file: two signatures are never the same bytes."""
    if not await ctx.videos.put(name, film, content_type="video/mp4"):
        stored = film.with_name("stored.mp4")
        await ctx.videos.fetch(name, stored)
        stored.replace(film)


async def _store_captions(ctx: FilmContext, film: Film, to: Path, name: str) -> tuple[FilmFile, ...]:
    """Store the files of the captions beside the film. Without a script there are none."""
    stored = []
    for kind in dict.fromkeys(film.request.captions.sidecar if film.request.captions else ()):
        made, beside = to.with_suffix(f".{kind}"), f"{name.removesuffix('.mp4')}.{kind}"
        if made.exists():
            await ctx.videos.put(beside, made, content_type=type_of_name(beside))
            stored.append(FilmFile(kind=kind, gcs_path=beside))
    return tuple(stored)


async def _fetch(ctx: FilmContext, job: Job, folder: Path) -> Path:
    to = folder / f"{job.job_id}.mp4"
    await ctx.videos.fetch(address_of(job), to)
    return to


async def _fetch_sound(ctx: FilmContext, audio: FilmAudio, folder: Path) -> FilmSound:
    """Return what becomes of the sound. Raises `Invalid` if the music was deleted."""
    sound, music = FilmSound(loudness_lufs=audio.normalise_lufs, true_peak_dbtp=audio.true_peak_dbtp), audio.music
    if music is None:
        return sound
    file = folder / "music"
    try:
        await ctx.videos.fetch(name_in_store(music.uri) or music.uri, file)
    except NotFound as error:
        raise Invalid("the music of the film was deleted") from error
    fade_ms = round(music.fade_seconds * 1000)
    bed = FilmMusicBed(file=file, gain_db=music.gain_db, ducks=music.duck, fade_ms=fade_ms)
    return replace(sound, music=bed)


def _segment_of(cut: Cut, clip: Path) -> Segment:
    return Segment(
        clip=clip,
        trim_ms=cut.trim_ms,
        length_ms=cut.length_ms,
        start_ms=cut.start_ms,
        kind=cut.kind,
        fade_ms=cut.fade_ms,
        chapter=cut.chapter,
        card=cut.card,
        script=cut.script,
    )
