"""The films in Firestore: one document for each, beside the jobs. Its own indexes answer every query."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from google.api_core.exceptions import Aborted, FailedPrecondition, NotFound
from google.api_core.exceptions import AlreadyExists as Taken
from google.cloud.firestore_v1 import FieldFilter
from proto.datetime_helpers import DatetimeWithNanoseconds

from infra.gcp.errors import translate_errors
from infra.gcp.firestore.documents import document_id, in_milliseconds, revision
from infra.gcp.firestore.jobs import READ_TIMEOUT_S, WRITE_TIMEOUT_S, FirestoreJobs
from schemas.domain.film import Film, film_of_record, record_of
from schemas.errors import AlreadyExists, Conflict

COLLECTION = "films"


class FirestoreFilms:
    """`Films` in the database of the jobs."""

    def __init__(self, jobs: FirestoreJobs) -> None:
        self._client = jobs.client
        self._collection = jobs.client.collection(COLLECTION)

    async def create(self, film: Film) -> Film:
        document = self._collection.document(document_id(film.film_id))
        with translate_errors("Firestore"):
            try:
                written = await document.create(_fields(film), retry=None, timeout=WRITE_TIMEOUT_S)
            except Taken as error:
                raise AlreadyExists(f"film {film.film_id} exists already") from error
        return film.model_copy(update={"stored_revision": revision(written.update_time)})

    async def get(self, film_id: str) -> Film | None:
        with translate_errors("Firestore"):
            found = await self._collection.document(document_id(film_id)).get(timeout=READ_TIMEOUT_S)
        return film_of_record(found.get("record"), revision(found.update_time)) if found.exists else None

    async def save(self, film: Film) -> Film:
        document = self._collection.document(document_id(film.film_id))
        with translate_errors("Firestore"):
            try:
                as_read = DatetimeWithNanoseconds.from_rfc3339(film.stored_revision)  # type: ignore[no-untyped-call, unused-ignore]
                option = self._client.write_option(last_update_time=as_read)
                written = await document.update(_fields(film), option=option, retry=None, timeout=WRITE_TIMEOUT_S)
            except (ValueError, FailedPrecondition, NotFound, Aborted) as error:
                raise Conflict(f"film {film.film_id} has changed") from error
        return film.model_copy(update={"stored_revision": revision(written.update_time)})

    async def due(self, now: datetime, *, limit: int) -> Sequence[str]:
        query = self._collection.where(filter=FieldFilter("next_check_at", "<=", now)).order_by("next_check_at")
        query = query.limit(limit).select(["film_id"])
        with translate_errors("Firestore"):
            return [found.get("film_id") for found in await query.get(timeout=READ_TIMEOUT_S)]


def _fields(film: Film) -> dict[str, Any]:
    return {
        "film_id": film.film_id,
        "state": film.state.value,
        "next_check_at": in_milliseconds(film.next_check_at) if film.next_check_at else None,
        "record": record_of(film),
        # A write without a change leaves the update time as it was: two such writes would both pass the precondition.
        "write": secrets.token_hex(8),
    }
