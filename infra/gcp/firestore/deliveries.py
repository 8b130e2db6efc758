"""The webhook deliveries in Firestore: one document for each, beside the jobs.

A listing is a range of one text field, which holds the filter, the age and the id. So the indexes that Firestore makes
by itself answer every query.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from google.api_core.exceptions import Aborted, FailedPrecondition, NotFound
from google.api_core.exceptions import AlreadyExists as Taken
from google.cloud.firestore_v1 import FieldFilter
from google.cloud.firestore_v1.async_collection import AsyncCollectionReference
from google.cloud.firestore_v1.async_query import AsyncQuery
from proto.datetime_helpers import DatetimeWithNanoseconds

from infra.cursor import Position, decode_position, encode_cursor
from infra.gcp.errors import translate_errors
from infra.gcp.firestore.documents import (
    EPOCH,
    LAST,
    document_id,
    in_milliseconds,
    milliseconds,
    moment,
    newest_first,
    revision,
)
from infra.gcp.firestore.jobs import READ_TIMEOUT_S, WRITE_TIMEOUT_S, FirestoreJobs
from schemas.domain.delivery import DeliveryState, DisabledEndpoint, WebhookDelivery, delivery_of_record, record_of
from schemas.errors import AlreadyExists, Conflict
from schemas.ports import DeliveryPage, DeliveryQuery

COLLECTION = "webhook_deliveries"
DISABLED = "disabled_endpoints"
"""The collection of the endpoints that get no events: a few documents, and mostly none."""
PAGES = 10
"""`due` reads no more pages than this. If all their deliveries are of left-out hosts, it returns none."""


class FirestoreDeliveries:
    """`Deliveries` in the database of the jobs."""

    def __init__(self, jobs: FirestoreJobs) -> None:
        self._client = jobs.client
        self._collection = jobs.client.collection(COLLECTION)
        self._disabled = jobs.client.collection(DISABLED)

    async def create(self, delivery: WebhookDelivery) -> WebhookDelivery:
        document = self._collection.document(document_id(delivery.delivery_id))
        with translate_errors("Firestore"):
            try:
                written = await document.create(_fields(delivery), retry=None, timeout=WRITE_TIMEOUT_S)
            except Taken as error:
                raise AlreadyExists(f"delivery {delivery.delivery_id} exists already") from error
        return delivery.model_copy(update={"revision": revision(written.update_time)})

    async def get(self, delivery_id: str) -> WebhookDelivery | None:
        with translate_errors("Firestore"):
            found = await self._collection.document(document_id(delivery_id)).get(timeout=READ_TIMEOUT_S)
        return _read(found) if found.exists else None

    async def save(self, delivery: WebhookDelivery) -> WebhookDelivery:
        document = self._collection.document(document_id(delivery.delivery_id))
        with translate_errors("Firestore"):
            try:
                as_read = DatetimeWithNanoseconds.from_rfc3339(delivery.revision)  # type: ignore[no-untyped-call, unused-ignore]
                option = self._client.write_option(last_update_time=as_read)
                written = await document.update(_fields(delivery), option=option, retry=None, timeout=WRITE_TIMEOUT_S)
            except (ValueError, FailedPrecondition, NotFound, Aborted) as error:
                raise Conflict(f"delivery {delivery.delivery_id} has changed") from error
        return delivery.model_copy(update={"revision": revision(written.update_time)})

    async def due(self, now: datetime, *, limit: int, without: Collection[str] = ()) -> Sequence[WebhookDelivery]:
        found: list[WebhookDelivery] = []
        query = self._collection.where(filter=FieldFilter("next_at", "<=", now)).order_by("next_at").limit(limit)
        for _ in range(PAGES):
            snapshots = await self._get(query)
            found += [_read(each) for each in snapshots if each.get("host") not in without]
            if len(found) >= limit or len(snapshots) < limit:
                break
            query = query.start_after(snapshots[-1])
        return found[:limit]

    async def next_due(self) -> datetime | None:
        first = self._collection.where(filter=FieldFilter("next_at", ">", EPOCH)).order_by("next_at").limit(1)
        snapshots = await self._get(first)
        return moment(snapshots[0].get("next_at")) if snapshots else None

    async def list(self, query: DeliveryQuery) -> DeliveryPage:
        field, prefix = _range_of(query)
        position = decode_position(query.cursor, "w")
        start = f"{prefix}{newest_first(position.at_ms, position.job_id)}" if position else prefix
        wanted = self._collection.where(filter=FieldFilter(field, ">", start))
        wanted = wanted.where(filter=FieldFilter(field, "<", prefix + LAST)).order_by(field).limit(query.limit + 1)
        snapshots = await self._get(wanted)
        page = [_read(each) for each in snapshots[: query.limit]]
        cursor = None
        if len(snapshots) > len(page):
            last = Position(order="w", at_ms=milliseconds(page[-1].created_at), job_id=page[-1].delivery_id)
            cursor = encode_cursor(last)
        return DeliveryPage(deliveries=[each for each in page if _matches(each, query)], cursor=cursor)

    async def delete_before(self, before: datetime, *, limit: int) -> int:
        query = self._collection.where(filter=FieldFilter("created_at", "<", before)).order_by("created_at")
        old = [each for each in await self._get(query.limit(limit)) if each.get("state") != DeliveryState.PENDING.value]
        with translate_errors("Firestore"):
            for each in old:
                await each.reference.delete(timeout=WRITE_TIMEOUT_S)
        return len(old)

    async def disable_endpoint(self, endpoint: DisabledEndpoint) -> None:
        document = self._disabled.document(document_id(f"{endpoint.name}.{endpoint.address}"))
        fields = {"name": endpoint.name, "record": endpoint.model_dump_json()}
        with translate_errors("Firestore"), suppress(Taken):
            await document.create(fields, retry=None, timeout=WRITE_TIMEOUT_S)

    async def list_disabled_endpoints(self) -> Sequence[DisabledEndpoint]:
        found = [DisabledEndpoint.model_validate_json(each.get("record")) for each in await self._get(self._disabled)]
        return sorted(found, key=lambda endpoint: (endpoint.name, endpoint.address))

    async def enable_endpoint(self, name: str) -> bool:
        found = await self._get(self._disabled.where(filter=FieldFilter("name", "==", name)))
        with translate_errors("Firestore"):
            for each in found:
                await each.reference.delete(timeout=WRITE_TIMEOUT_S)
        return bool(found)

    async def _get(self, query: AsyncQuery | AsyncCollectionReference) -> Sequence[Any]:
        with translate_errors("Firestore"):
            return list(await query.get(timeout=READ_TIMEOUT_S))


def _fields(delivery: WebhookDelivery) -> dict[str, Any]:
    age = newest_first(milliseconds(delivery.created_at), delivery.delivery_id)
    state, caller = delivery.state.value, delivery.caller or ""
    return {
        "delivery_id": delivery.delivery_id,
        "host": delivery.host,
        "state": state,
        "created_at": in_milliseconds(delivery.created_at),
        "next_at": in_milliseconds(delivery.next_at) if delivery.next_at else None,
        "by_age": age,
        "by_state": f"{state}/{age}",
        "by_caller": f"{caller}/{age}",
        "by_caller_state": f"{caller}/{state}/{age}",
        "by_job": f"{delivery.subject}/{age}",
        "record": record_of(delivery),
    }


def _range_of(query: DeliveryQuery) -> tuple[str, str]:
    """Return the field whose range has all that match, and the start of its values there."""
    if query.subject is not None:
        return "by_job", f"{query.subject}/"
    if query.caller is not None:
        state = "" if query.state is None else f"{query.state.value}/"
        return ("by_caller_state" if state else "by_caller"), f"{query.caller}/{state}"
    return ("by_age", "") if query.state is None else ("by_state", f"{query.state.value}/")


def _matches(delivery: WebhookDelivery, query: DeliveryQuery) -> bool:
    """A job or a film has few deliveries: the other conditions of a listing of one job are compared here."""
    return query.state in (None, delivery.state) and query.caller in (None, delivery.caller)


def _read(snapshot: Any) -> WebhookDelivery:
    return delivery_of_record(snapshot.get("record"), revision(snapshot.update_time))
