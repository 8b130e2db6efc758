"""From the clips to the finished file in the video store. Free, and may be repeated: the final name is the same for
everybody, and whoever comes second adopts what is there."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from schemas import event as ev
from schemas.errors import Invalid, NotFound, Unavailable
from schemas.failure import Category, Failure
from schemas.job import Job, Result
from schemas.ports import Probe
from subscriber.workshop import Workshop

log = logging.getLogger(__name__)


async def store(shop: Workshop, job: Job, *, waits_for_files: bool = False) -> Job:
    """The succeeded job, its file probed; or the failed one, where the clips are no use.

    A file that the model named and that can't be found yet is `Unavailable` with `waits_for_files`.
    """
    with _folder(shop) as folder:
        try:
            result = await _finished(shop, job, folder)
        except NotFound as error:
            if waits_for_files:
                raise Unavailable(f"a clip's file can't be found yet: {error}") from error
            return await shop.write(job, ev.Failed(at=shop.clock.now(), failure=_useless(error)))
        except Invalid as error:
            log.warning("the clips can't be assembled", exc_info=True, extra=_about(job, "assembly_failed"))
            return await shop.write(job, ev.Failed(at=shop.clock.now(), failure=_useless(error)))
    return await shop.write(job, ev.Stored(at=shop.clock.now(), result=result))


@contextmanager
def _folder(shop: Workshop) -> Iterator[Path]:
    """On the local disk. What is wrong with that disk is `Unavailable`: it says nothing about the film."""
    try:
        with TemporaryDirectory(dir=shop.scratch, prefix="assembly-") as folder:
            yield Path(folder)
    except OSError as error:
        raise Unavailable(f"the scratch folder can't be used at the moment: {error.strerror or error}") from error


async def give_up_storing(shop: Workshop, job: Job) -> Job:
    """One last try; else the failed job. Its paid clips stay in the ledger, and `reelbus replay` is free."""
    try:
        return await store(shop, job)
    except Unavailable:
        log.warning("gave up storing", exc_info=True, extra=_about(job, "storing_given_up"))
    return await shop.write(job, ev.Failed(at=shop.clock.now(), failure=_NOT_STORED))


async def _finished(shop: Workshop, job: Job, folder: Path) -> Result:
    final = folder / "final.mp4"
    probe = await shop.editor.assemble(
        await _fetched(shop, job, folder), duration_seconds=job.request.duration_seconds, to=final
    )
    if not await shop.videos.put(job.final_name, final, content_type="video/mp4"):
        log.info("adopted the final file that was there", extra=_about(job, "final_adopted"))
        await shop.videos.fetch(job.final_name, final)
        probe = await shop.editor.probe(final)
    return _result(job, probe, final.stat().st_size, await _poster(shop, job, final))


async def _poster(shop: Workshop, job: Job, final: Path) -> str | None:
    """The still picture beside the film. A film without one is a film all the same."""
    poster = final.with_name("poster.jpg")
    try:
        await shop.editor.poster(final, poster)
        await shop.videos.put(job.poster_name, poster, content_type="image/jpeg")
    except (Invalid, Unavailable):
        log.warning("the film has no poster", exc_info=True, extra=_about(job, "no_poster"))
        return None
    return job.poster_name


async def _fetched(shop: Workshop, job: Job, folder: Path) -> list[Path]:
    clips = [folder / f"clip-{index}.mp4" for index in range(len(job.sources))]
    for name, clip in zip(job.sources, clips, strict=True):
        await shop.videos.fetch(name, clip)
    return clips


def _result(job: Job, probe: Probe, size_bytes: int, poster: str | None) -> Result:
    return Result(
        gcs_path=job.final_name,
        poster_path=poster,
        width=probe.width,
        height=probe.height,
        duration_seconds=probe.duration_seconds,
        size_bytes=size_bytes,
    )


def _useless(error: Invalid | NotFound) -> Failure:
    words = f"The model's video can't be used: {error}."
    return Failure(category=Category.UPSTREAM, code="bad_output", message=words, retryable=False)


_NOT_STORED = Failure(
    category=Category.STORAGE,
    code="not_stored",
    message="The finished clips could not be stored in time. They are kept, and a replay costs nothing.",
    retryable=True,
)


def _about(job: Job, action: str) -> dict[str, str]:
    return {"action": action, "job_id": job.job_id}
