"""Erase ended films: first the record, then the files; at last the record says that these are deleted.

In that order, so that a crash leaves a tombstone whose next look is due: a director, or the next purge, goes on. The
jobs of the scenes are erased as jobs are: see `schemas.services.erasure`.
"""

import logging
from dataclasses import dataclass

from schemas.domain.film import Film
from schemas.domain.film_tombstone import film_erasure_blocker, film_tombstone_of, mark_film_swept
from schemas.domain.object_names import FILM_FOLDERS, film_prefix, is_file_of_film
from schemas.errors import Conflict, Invalid, NotFound
from schemas.ports import Clock, Deliveries, DeliveryQuery, Films, JobStore, VideoStore
from schemas.services.reference_images import release_reference
from schemas.services.update import ATTEMPTS

logger = logging.getLogger(__name__)

WEBHOOKS_AT_ONCE = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class FilmEraser:
    """The ports that erasing a film needs. `mark` a film, then `sweep` it."""

    films: Films
    jobs: JobStore
    videos: VideoStore
    clock: Clock
    deliveries: Deliveries | None = None
    """Without them no body of a webhook is erased."""

    async def mark(self, film_id: str) -> Film:
        """Return the tombstone. Raises `NotFound`, `Conflict`, and `Invalid` for a film that can't be erased yet."""
        for _ in range(ATTEMPTS):
            film = await self.films.get(film_id)
            if film is None:
                raise NotFound(f"there is no film {film_id}")
            if film.erased_at:
                return film
            if reason := film_erasure_blocker(film):
                raise Invalid(reason, field="film_id")
            try:
                erased = await self.films.save(film_tombstone_of(film, self.clock.now()))
            except Conflict:
                continue
            logger.info("film erased", extra={"action": "film_erased", "film_id": film_id})
            return erased
        raise Conflict(f"film {film_id} changed too often: other processes were faster each time")

    async def sweep(self, film: Film) -> Film:
        """Delete the files of an erased film, and return its record. Raises `Conflict` and `Unavailable`.

        A returned film whose `next_check_at` is set is swept again at that time.
        """
        await self._erase_webhooks(film.film_id)
        for folder in FILM_FOLDERS:
            for file in await self.videos.list(film_prefix(folder, film.film_id)):
                if is_file_of_film(file.name, folder, film.film_id):
                    await self.videos.delete(file.name)
        swept = mark_film_swept(film, self.clock.now(), has_released_images=await self._release_images(film))
        return await self.films.save(swept)

    async def _erase_webhooks(self, film_id: str) -> None:
        """Erase the bodies of the film's webhooks, and the addresses of those that no courier will post any more."""
        cursor = None
        while self.deliveries is not None:
            page = await self.deliveries.list(DeliveryQuery(film_id=film_id, limit=WEBHOOKS_AT_ONCE, cursor=cursor))
            for delivery in page.deliveries:
                if delivery.body or (delivery.next_at is None and delivery.url):
                    await self.deliveries.save(delivery.erase())
            if (cursor := page.cursor) is None:
                return

    async def _release_images(self, film: Film) -> bool:
        """Release the images of scenes whose job was never made. The other ones go with their jobs."""
        released = True
        for job_id, request in film.requests.items():
            if request.images and await self.jobs.get(job_id) is None:
                released = await release_reference(request, self.jobs, self.videos, self.clock.now()) and released
        return released
