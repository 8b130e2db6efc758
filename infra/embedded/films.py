"""The films in the file that holds the jobs."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from infra.cursor import Position, decode_position, encode_cursor
from infra.embedded.database import Database, moment
from infra.embedded.jobs import milliseconds
from infra.film_listing import CURSOR_ORDER, check_limit, film_or_warning
from schemas.domain.film import Film, film_of_record, record_of
from schemas.errors import AlreadyExists, Conflict
from schemas.ports import DueFilm, FilmPage, FilmQuery

_CREATE = """
    INSERT INTO films
        (state, project_id, caller, created_at, next_check_at, retention_start, record, film_id, revision)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT (film_id) DO NOTHING
"""
_SAVE = """
    UPDATE films SET state = ?, project_id = ?, caller = ?, created_at = ?, next_check_at = ?, retention_start = ?,
        record = ?, revision = revision + 1
    WHERE film_id = ? AND CAST(revision AS TEXT) = ? RETURNING revision
"""
_DUE = """
    SELECT film_id, next_check_at FROM films WHERE next_check_at <= ? AND (next_check_at, film_id) > (?, ?)
    ORDER BY next_check_at, film_id LIMIT ?
"""
_KEPT = "SELECT film_id FROM films WHERE retention_start < ? ORDER BY retention_start LIMIT ?"
_ORDER = "ORDER BY created_at DESC, film_id LIMIT ?"


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

    async def due(self, now: datetime, *, limit: int, after: DueFilm | None = None) -> Sequence[DueFilm]:
        position = (milliseconds(after.at), after.film_id) if after else (-1, "")

        def read(connection: sqlite3.Connection) -> Sequence[DueFilm]:
            rows = connection.execute(_DUE, (milliseconds(now), *position, limit))
            return [DueFilm(film_id=row[0], at=moment(row[1])) for row in rows]

        return await self._database.read(read)

    async def list(self, query: FilmQuery) -> FilmPage:
        return await self._database.read(partial(_list, query=query))

    async def list_ended_before(self, moment: datetime, *, limit: int) -> Sequence[str]:
        return await self._database.read(partial(_ids, sql=_KEPT, values=(milliseconds(moment), limit)))


def _ids(connection: sqlite3.Connection, sql: str, values: tuple[int, int]) -> list[str]:
    return [row[0] for row in connection.execute(sql, values)]


def _list(connection: sqlite3.Connection, query: FilmQuery) -> FilmPage:
    check_limit(query.limit)
    conditions: dict[str, tuple[Any, ...]] = {"1 = 1": ()}
    for name in ("state", "project_id", "caller"):
        if (wanted := getattr(query, name)) is not None:
            conditions[f"{name} = ?"] = (str(wanted),)
    if position := decode_position(query.cursor, CURSOR_ORDER):
        at = position.at_ms
        conditions["created_at <= ? AND (created_at < ? OR film_id > ?)"] = (at, at, position.job_id)
    where = " AND ".join(f"({condition})" for condition in conditions)
    sql = f"SELECT film_id, created_at, record, revision FROM films WHERE {where} {_ORDER}"
    values = (*(value for given in conditions.values() for value in given), query.limit + 1)
    rows = connection.execute(sql, values).fetchall()
    page = rows[: query.limit]
    cursor = None
    if len(rows) > len(page):
        cursor = encode_cursor(Position(order=CURSOR_ORDER, at_ms=page[-1][1], job_id=page[-1][0]))
    return FilmPage(
        films=[film for row in page if (film := film_or_warning(row[0], row[2], str(row[3])))], cursor=cursor
    )


def _columns(film: Film) -> tuple[Any, ...]:
    return (
        film.state.value,
        film.request.project_id,
        film.caller,
        milliseconds(film.created_at),
        milliseconds(film.next_check_at) if film.next_check_at else None,
        milliseconds(film.retention_start) if film.retention_start else None,
        record_of(film),
        film.film_id,
    )
