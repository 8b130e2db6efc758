"""The record of a film whose words and files were erased. It says what was made and paid, and no id is used twice."""

from datetime import datetime, timedelta

from schemas.domain.film import Film, FilmResult, SceneJob
from schemas.domain.tombstone import ERASED_PROMPT, erase_failure
from schemas.errors import Gone
from schemas.wire.caller_names import to_shown_id
from schemas.wire.film import FilmRequest, FilmScene, FilmSceneEnd
from schemas.wire.types import isoformat

LATE_FILES = timedelta(days=1)
"""A worker that joined the film while it was cancelled may store its file for so long."""
LOOK_AGAIN = timedelta(hours=1)
"""When an image that could not be released yet is looked at again."""


def film_erasure_blocker(film: Film) -> str | None:
    """Return why the film can't be erased now; None if it can."""
    if not film.state.ended:
        return f"film {film.film_id} has not ended ({film.state}); cancel it first, or wait"
    if film.due_ends:
        return f"the end of film {film.film_id} is not announced yet; a worker does that"
    return None


def to_gone_film(film: Film, *, caller: str | None = None) -> Gone:
    """Build the error for a `caller` that orders an erased film."""
    at = f" at {isoformat(film.erased_at)}" if film.erased_at else ""
    return Gone(f"film {to_shown_id(caller, film.film_id)} was erased{at}; a new film needs a new film_id")


def film_tombstone_of(film: Film, at: datetime) -> Film:
    """Return the film without anything that its caller wrote. It is built anew: a key that is not named here is gone.

    Names of scenes become their numbers. The names of their images stay until these are released, and so does
    what names the first frames of scenes that continue.
    """
    names = {scene.name: f"scene-{number}" for number, scene in enumerate(film.scenes, 1)}
    return Film(
        film_id=film.film_id,
        caller=film.caller,
        request=_erase_request(film, names),
        scenes=tuple(_erase_scene(scene, names[scene.name]) for scene in film.scenes),
        state=film.state,
        created_at=film.created_at,
        changed_at=at,
        next_check_at=at,
        dropped=tuple(names[name] for name in film.dropped if name in names),
        joins=film.joins,
        holds=film.holds,
        result=_erase_result(film.result, names),
        failure=erase_failure(film.failure),
        ended_at=film.ended_at or film.changed_at,
        former_job_ids=film.former_job_ids,
        erased_at=at,
        sweep_until=max(at, (film.ended_at or film.changed_at) + LATE_FILES),
        stored_revision=film.stored_revision,
    )


def mark_film_swept(film: Film, at: datetime, *, has_released_images: bool) -> Film:
    """Return the tombstone after its files were deleted. Until `sweep_until` late files are looked for again."""
    if not has_released_images:
        return film.model_copy(update={"next_check_at": at + LOOK_AGAIN})
    scenes = tuple(scene.with_images_of(None) for scene in film.request.scenes)
    is_last = film.sweep_until is None or at >= film.sweep_until
    update = {
        "request": film.request.model_copy(update={"scenes": scenes}),
        "sweep_until": None if is_last else film.sweep_until,
        "next_check_at": None if is_last else film.sweep_until,
    }
    return film.model_copy(update=update)


def _erase_request(film: Film, names: dict[str, str]) -> FilmRequest:
    request = film.request
    scenes = tuple(
        FilmScene(
            name=names[scene.name],
            prompt=ERASED_PROMPT,
            take=scene.take,
            duration_seconds=entry.seconds,
            continue_from_previous=scene.continue_from_previous,
            trim=scene.trim,
        ).with_images_of(scene)
        for entry, scene in zip(film.scenes, request.scenes, strict=True)
    )
    return FilmRequest(
        film_id=request.film_id,
        revision=request.revision,
        project_id=request.project_id,
        scenes=scenes,
        on_scene_failure=request.on_scene_failure,
    )


def _erase_scene(scene: SceneJob, name: str) -> SceneJob:
    return SceneJob(
        name=name, job_id=scene.job_id, seconds=scene.seconds, price_usd=scene.price_usd, reused=scene.reused
    )


def _erase_result(result: FilmResult | None, names: dict[str, str]) -> FilmResult | None:
    if result is None:
        return None
    scenes = tuple(
        FilmSceneEnd(
            name=names.get(end.name, f"former-{number}"),
            job_id=end.job_id,
            start_s=end.start_s,
            end_s=end.end_s,
            is_card=end.is_card,
            reused=end.reused,
        )
        for number, end in enumerate(result.scenes, 1)
    )
    return FilmResult(
        revision=result.revision,
        gcs_path=result.gcs_path,
        duration_seconds=result.duration_seconds,
        width=result.width,
        height=result.height,
        size_bytes=result.size_bytes,
        scenes=scenes,
    )
