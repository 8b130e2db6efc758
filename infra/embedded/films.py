"""The films in the file that holds the jobs."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from infra.embedded.database import Database
from infra.embedded.jobs import milliseconds
from schemas.domain.film import Film, film_of_record, record_of
from schemas.errors import AlreadyExists, Conflict

_CREATE = """
    INSERT INTO films (state, next_check_at, record, film_id, revision)
    VALUES (?, ?, ?, ?, 1) ON CONFLICT (film_id) DO NOTHING
"""
_SAVE = """
    UPDATE films SET state = ?, next_check_at = ?, record = ?, revision = revision + 1
    WHERE film_id = ? AND CAST(revision AS TEXT) = ? RETURNING revision
"""
_DUE = "SELECT film_id FROM films WHERE next_check_at <= ? ORDER BY next_check_at LIMIT ?"


class SqliteFilms:
    """`Films` on the shared file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, film: Film) -> Film:
        def insert(connection: sqlite3.Connection) -> Film:
            if connection.execute(_CREATE, _columns(film)).rowcount == 0:
                raise AlreadyExists(f"film {film.film_id} exists already")
            return film.model_copy(update={"stored_revision": "1"})

        return await self._database.write(insert)

    async def get(self, film_id: str) -> Film | None:
        def read(connection: sqlite3.Connection) -> Film | None:
            sql = "SELECT record, revision FROM films WHERE film_id = ?"
            found = connection.execute(sql, (film_id,)).fetchone()
            return film_of_record(found[0], str(found[1])) if found else None

        return await self._database.read(read)

    async def save(self, film: Film) -> Film:
        def update(connection: sqlite3.Connection) -> Film:
            saved = connection.execute(_SAVE, (*_columns(film), film.stored_revision)).fetchone()
            if saved is None:
                raise Conflict(f"film {film.film_id} has changed")
            return film.model_copy(update={"stored_revision": str(saved[0])})

        return await self._database.write(update)

    async def due(self, now: datetime, *, limit: int) -> Sequence[str]:
        values = (milliseconds(now), limit)
        return await self._database.read(lambda connection: [row[0] for row in connection.execute(_DUE, values)])


def _columns(film: Film) -> tuple[Any, ...]:
    next_check_at = milliseconds(film.next_check_at) if film.next_check_at else None
    return (film.state.value, next_check_at, record_of(film), film.film_id)
