"""The films in Firestore: one document for each, beside the jobs.

A listing is a range of one text field, which holds a digest of the filter, the age and the id. So the indexes that
Firestore makes by itself answer every query.
"""

import hashlib
import json
import secrets
from collections.abc import Sequence
from datetime import datetime
from itertools import combinations
from typing import Any

from google.api_core.exceptions import Aborted, FailedPrecondition, NotFound
from google.api_core.exceptions import AlreadyExists as Taken
from google.cloud.firestore_v1 import FieldFilter
from google.cloud.firestore_v1.field_path import FieldPath
from proto.datetime_helpers import DatetimeWithNanoseconds

from infra.cursor import Position, decode_position, encode_cursor
from infra.film_listing import CURSOR_ORDER, check_limit, film_or_warning
from infra.gcp.errors import translate_errors
from infra.gcp.firestore.documents import LAST, document_id, in_milliseconds, milliseconds, newest_first, revision
from infra.gcp.firestore.jobs import READ_TIMEOUT_S, WRITE_TIMEOUT_S, FirestoreJobs
from schemas.domain.film import Film, film_of_record, record_of
from schemas.errors import AlreadyExists, Conflict
from schemas.ports import DueFilm, FilmPage, FilmQuery

COLLECTION = "films"
_FILTERS = ("caller", "project_id", "state")


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

    async def due(self, now: datetime, *, limit: int, after: DueFilm | None = None) -> Sequence[DueFilm]:
        query = self._collection.where(filter=FieldFilter("next_check_at", "<=", now))
        query = query.order_by("next_check_at").order_by(FieldPath.document_id())
        if after:
            id = self._collection.document(document_id(after.film_id))
            query = query.start_after({"next_check_at": after.at, FieldPath.document_id(): id})
        query = query.limit(limit).select(["film_id", "next_check_at"])
        with translate_errors("Firestore"):
            found = await query.get(timeout=READ_TIMEOUT_S)
        return [DueFilm(film_id=each.get("film_id"), at=each.get("next_check_at")) for each in found]

    async def list(self, query: FilmQuery) -> FilmPage:
        check_limit(query.limit)
        given = {name: str(value) for name in _FILTERS if (value := getattr(query, name)) is not None}
        field, prefix = _field_of(tuple(given)), _prefix_of(tuple(given.values()))
        position = decode_position(query.cursor, CURSOR_ORDER)
        start = f"{prefix}{newest_first(position.at_ms, position.job_id)}" if position else prefix
        wanted = self._collection.where(filter=FieldFilter(field, ">", start))
        wanted = wanted.where(filter=FieldFilter(field, "<", prefix + LAST)).order_by(field).limit(query.limit + 1)
        with translate_errors("Firestore"):
            found = await wanted.get(timeout=READ_TIMEOUT_S)
        page, cursor = found[: query.limit], None
        if len(found) > len(page):
            at_ms, film_id = milliseconds(page[-1].get("created_at")), page[-1].get("film_id")
            cursor = encode_cursor(Position(order=CURSOR_ORDER, at_ms=at_ms, job_id=film_id))
        films = [film_or_warning(each.get("film_id"), each.get("record"), revision(each.update_time)) for each in page]
        return FilmPage(films=[film for film in films if film], cursor=cursor)

    async def list_ended_before(self, moment: datetime, *, limit: int) -> Sequence[str]:
        query = self._collection.where(filter=FieldFilter("retention_start", "<", moment)).order_by("retention_start")
        query = query.limit(limit).select(["film_id"])
        with translate_errors("Firestore"):
            return [found.get("film_id") for found in await query.get(timeout=READ_TIMEOUT_S)]


def _fields(film: Film) -> dict[str, Any]:
    by_name = {"caller": film.caller, "project_id": film.request.project_id, "state": film.state.value}
    age = newest_first(milliseconds(film.created_at), film.film_id)
    listed = {
        _field_of(names): f"{_prefix_of(tuple(by_name[name] for name in names))}{age}"
        for size in range(len(_FILTERS) + 1)
        for names in combinations(_FILTERS, size)
    }
    return {
        **listed,
        "film_id": film.film_id,
        "created_at": in_milliseconds(film.created_at),
        "next_check_at": in_milliseconds(film.next_check_at) if film.next_check_at else None,
        "retention_start": in_milliseconds(film.retention_start) if film.retention_start else None,
        "record": record_of(film),
        # A write without a change leaves the update time as it was: two such writes would both pass the precondition.
        "write": secrets.token_hex(8),
    }


def _field_of(names: tuple[str, ...]) -> str:
    return f"by_{'_'.join(names) or 'age'}"


def _prefix_of(values: tuple[str | None, ...]) -> str:
    """Return a digest: a caller's name may be longer than what an index holds, and may have any character."""
    return f"{hashlib.sha256(json.dumps(values).encode()).hexdigest()[:32]}/" if values else ""
