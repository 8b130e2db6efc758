"""The webhook deliveries in the file that holds the jobs."""

import json
import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from infra.cursor import Position, decode_position, encode_cursor
from infra.embedded.database import Database, moment
from infra.embedded.jobs import milliseconds
from schemas.domain.delivery import DeliveryState, DisabledEndpoint, WebhookDelivery, delivery_of_record, record_of
from schemas.errors import AlreadyExists, Conflict
from schemas.ports import DeliveryPage, DeliveryQuery

_CREATE = """
    INSERT INTO webhook_deliveries (job_id, caller, host, state, created_at, next_at, record, delivery_id, revision)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT (delivery_id) DO NOTHING
"""
_SAVE = """
    UPDATE webhook_deliveries
    SET job_id = ?, caller = ?, host = ?, state = ?, created_at = ?, next_at = ?, record = ?, revision = revision + 1
    WHERE delivery_id = ? AND CAST(revision AS TEXT) = ? RETURNING revision
"""
_DUE = """
    SELECT record, revision FROM webhook_deliveries
    WHERE next_at <= ? AND host NOT IN (SELECT value FROM json_each(?)) ORDER BY next_at LIMIT ?
"""
_DELETE = """
    DELETE FROM webhook_deliveries WHERE delivery_id IN (
        SELECT delivery_id FROM webhook_deliveries WHERE created_at < ? AND state != ? ORDER BY created_at LIMIT ?
    )
"""


class SqliteDeliveries:
    """`Deliveries` on the shared file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, delivery: WebhookDelivery) -> WebhookDelivery:
        def insert(connection: sqlite3.Connection) -> WebhookDelivery:
            if connection.execute(_CREATE, (*_columns(delivery), delivery.delivery_id)).rowcount == 0:
                raise AlreadyExists(f"delivery {delivery.delivery_id} exists already")
            return delivery.model_copy(update={"revision": "1"})

        return await self._database.write(insert)

    async def get(self, delivery_id: str) -> WebhookDelivery | None:
        sql = "SELECT record, revision FROM webhook_deliveries WHERE delivery_id = ?"
        found = await self._database.read(partial(_select, sql=sql, values=(delivery_id,)))
        return found[0] if found else None

    async def save(self, delivery: WebhookDelivery) -> WebhookDelivery:
        def update(connection: sqlite3.Connection) -> WebhookDelivery:
            row = (*_columns(delivery), delivery.delivery_id, delivery.revision)
            saved = connection.execute(_SAVE, row).fetchone()
            if saved is None:
                raise Conflict(f"delivery {delivery.delivery_id} has changed")
            return delivery.model_copy(update={"revision": str(saved[0])})

        return await self._database.write(update)

    async def due(self, now: datetime, *, limit: int, without: Collection[str] = ()) -> Sequence[WebhookDelivery]:
        values = (milliseconds(now), json.dumps(list(without)), limit)
        return await self._database.read(partial(_select, sql=_DUE, values=values))

    async def next_due(self) -> datetime | None:
        def read(connection: sqlite3.Connection) -> datetime | None:
            (earliest,) = connection.execute(
                "SELECT min(next_at) FROM webhook_deliveries WHERE next_at IS NOT NULL"
            ).fetchone()
            return None if earliest is None else moment(earliest)

        return await self._database.read(read)

    async def list(self, query: DeliveryQuery) -> DeliveryPage:
        conditions: dict[str, tuple[Any, ...]] = {"1 = 1": ()}
        for column, wanted in {"state": query.state, "job_id": query.subject, "caller": query.caller}.items():
            if wanted is not None:
                conditions[f"{column} = ?"] = (str(wanted),)
        if position := decode_position(query.cursor, "w"):
            at = position.at_ms
            conditions["created_at <= ? AND (created_at < ? OR delivery_id > ?)"] = (at, at, position.job_id)
        where = " AND ".join(f"({condition})" for condition in conditions)
        order = "ORDER BY created_at DESC, delivery_id LIMIT ?"
        sql = f"SELECT record, revision FROM webhook_deliveries WHERE {where} {order}"
        values = (*(value for given in conditions.values() for value in given), query.limit + 1)
        found = await self._database.read(partial(_select, sql=sql, values=values))
        return to_page(found, query.limit)

    async def delete_before(self, before: datetime, *, limit: int) -> int:
        values = (milliseconds(before), DeliveryState.PENDING.value, limit)
        # Not flushed: what comes back after a power cut is deleted again.
        return await self._database.write(lambda connection: connection.execute(_DELETE, values).rowcount, flush=False)

    async def disable_endpoint(self, endpoint: DisabledEndpoint) -> None:
        row = (endpoint.name, endpoint.address, endpoint.model_dump_json())
        sql = "INSERT INTO disabled_endpoints (name, address, record) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        await self._database.write(lambda connection: connection.execute(sql, row))

    async def list_disabled_endpoints(self) -> Sequence[DisabledEndpoint]:
        def read(connection: sqlite3.Connection) -> list[DisabledEndpoint]:
            rows = connection.execute("SELECT record FROM disabled_endpoints ORDER BY name, address")
            return [DisabledEndpoint.model_validate_json(record) for (record,) in rows]

        return await self._database.read(read)

    async def enable_endpoint(self, name: str) -> bool:
        def delete(connection: sqlite3.Connection) -> bool:
            return connection.execute("DELETE FROM disabled_endpoints WHERE name = ?", (name,)).rowcount > 0

        return await self._database.write(delete)


def to_page(found: Sequence[WebhookDelivery], limit: int) -> DeliveryPage:
    """Return the page of one delivery more than it holds."""
    page = found[:limit]
    if len(found) == len(page):
        return DeliveryPage(deliveries=page, cursor=None)
    last = Position(order="w", at_ms=milliseconds(page[-1].created_at), job_id=page[-1].delivery_id)
    return DeliveryPage(deliveries=page, cursor=encode_cursor(last))


def _select(connection: sqlite3.Connection, sql: str, values: tuple[Any, ...]) -> list[WebhookDelivery]:
    return [delivery_of_record(record, str(revision)) for record, revision in connection.execute(sql, values)]


def _columns(delivery: WebhookDelivery) -> tuple[Any, ...]:
    return (
        delivery.subject,
        delivery.caller,
        delivery.host,
        delivery.state.value,
        milliseconds(delivery.created_at),
        milliseconds(delivery.next_at) if delivery.next_at else None,
        record_of(delivery),
    )
