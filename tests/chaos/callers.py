"""Those who order films: patient over HTTP, direct on the bus, repeating themselves, changing their minds."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx

from publisher.context import PublisherContext
from schemas.errors import Unavailable
from schemas.ports import REQUESTS
from schemas.wire.message import encode_request
from schemas.wire.request import VideoRequest
from tests.chaos.facts import Answer
from tests.chaos.journal import Journal
from tests.chaos.orders import Door, Order

_PATH = "/api/videos/generate"
_AGAIN_S = 1.0
_LATER_S = 3.0
_REMIND_EVERY_S = 10.0
_ASKED_AGAIN = frozenset({202, 503, 504})
"""Answers after which a patient caller asks again, with the same id."""


@dataclass(frozen=True, kw_only=True)
class Callers:
    """Everybody who orders, on the addresses of all facades."""

    urls: Sequence[str]
    desk: PublisherContext
    journal: Journal
    http: httpx.AsyncClient
    random: Random = field(default_factory=Random)

    async def order(self, orders: Sequence[Order]) -> None:
        """All orders, until every caller has what he wants: an end, or for a direct publisher to be rid of it."""
        began = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            for order in orders:
                for at_s, what in self._calls(order):
                    group.create_task(_at(began + at_s, what))

    def _calls(self, order: Order) -> list[tuple[float, Callable[[], Coroutine[Any, Any, None]]]]:
        mine = self._publish if order.door is Door.BUS else self._ask
        calls = [(order.at_s, lambda: mine(order))]
        calls += [(at_s, lambda: self._copy(order)) for at_s in order.copies_at_s]
        if order.cancel_at_s is not None:
            calls.append((order.cancel_at_s, lambda: self._cancel(order)))
        return calls

    async def _publish(self, order: Order) -> None:
        """A publisher whose publish failed does it again: then there may be two messages."""
        message = encode_request(order.request, at=self.desk.clock.now())
        while True:
            try:
                return await self.desk.bus.publish(REQUESTS, message)
            except Unavailable:
                await asyncio.sleep(_AGAIN_S)

    async def remind(self, orders: Sequence[Order]) -> None:
        """Publishes again and again what has no end yet, in the place of a bus that forgets what a dead worker held."""
        while True:
            await asyncio.sleep(_REMIND_EVERY_S)
            for order in orders:
                if not await self._has_ended(order):
                    self.journal.done["messages repeated for the emulator"] += 1
                    await self._publish(order)

    async def _has_ended(self, order: Order) -> bool:
        try:
            job = await self.desk.jobs.get(order.request.job_id)
        except Unavailable:
            return False
        return job is not None and job.ended

    async def _copy(self, order: Order) -> None:
        self.journal.done["messages repeated"] += 1
        await self._publish(order)

    async def _ask(self, order: Order) -> None:
        body = _body(order.request)
        headers = {"Prefer": "respond-async"} if order.door is Door.ASYNC else {}
        while True:
            answer = await self._said(order, "POST", _PATH, json=body, headers=headers)
            if answer is not None and answer.status_code not in _ASKED_AGAIN:
                return
            await asyncio.sleep(_LATER_S if answer is not None and answer.status_code == 202 else _AGAIN_S)

    async def _cancel(self, order: Order) -> None:
        """An order that is not there yet can't be cancelled: then its caller wants it after all."""
        while True:
            answer = await self._said(order, "DELETE", f"/api/videos/{order.request.job_id}")
            if answer is not None and answer.status_code not in _ASKED_AGAIN:
                return
            await asyncio.sleep(_AGAIN_S)

    async def _said(self, order: Order, method: str, path: str, **how: Any) -> httpx.Response | None:
        """What some facade answered; None where the line went dead."""
        try:
            answer = await self.http.request(method, self.random.choice(self.urls) + path, **how)
        except httpx.TransportError:
            self.journal.done["calls that went dead"] += 1
            return None
        job_id, status = order.request.job_id, answer.status_code
        self.journal.answers.append(Answer(job_id=job_id, status=status, code=_code(answer)))
        return answer


async def _at(moment: float, what: Callable[[], Coroutine[Any, Any, None]]) -> None:
    await asyncio.sleep(max(0.0, moment - asyncio.get_running_loop().time()))
    await what()


def _body(request: VideoRequest) -> dict[str, Any]:
    body: dict[str, Any] = request.model_dump(mode="json", exclude_unset=True)
    return body


def _code(answer: httpx.Response) -> str:
    try:
        error = answer.json().get("error")
    except ValueError:
        return ""
    return str(error.get("code", "")) if isinstance(error, dict) else ""
