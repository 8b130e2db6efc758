"""One house of the matrix: a job, its own stores, its own paid model, and the processes that work on it."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from infra.adapters import Adapters, find_provider
from infra.clock import SystemClock
from publisher.access import Access
from publisher.context import PublisherContext
from publisher.films.orders import order_film
from publisher.settings import PublisherSettings
from publisher.submit import submit
from schemas.domain.clip import Plan
from schemas.domain.delivery import DeliveryState, WebhookDelivery
from schemas.domain.film import Film
from schemas.domain.job import Job
from schemas.errors import Unavailable
from schemas.ports import (
    BATCH_WORKERS,
    COMPLETIONS,
    DEAD_WORKERS,
    FILM_COMPLETIONS,
    FILM_WORKERS,
    WEBHOOKS,
    WORKERS,
    DeliveryQuery,
    JobQuery,
    Subscription,
    topic_of,
)
from schemas.wire.film import FilmRequest
from schemas.wire.message import Message, encode_request
from schemas.wire.request import VideoRequest
from schemas.wire.webhook_address import parse_policy
from tests.courier.receivers import Receiver, receiving
from tests.crash.cases import ASKED, COURIER, DIRECTOR, HELD, SCRIPTS, Case
from tests.crash.ground import Ground
from tests.crash.parts import Part, start
from tests.vertex.server import WireVertex, vertex_at

EAR = Subscription(name="matrix-ear", topic=COMPLETIONS)
FILM_EAR = Subscription(name="matrix-film-ear", topic=FILM_COMPLETIONS)
SECRET, NETWORKS = "whsec_" + "A" * 43 + "=", "127.0.0.0/8"
LOOK_EVERY_S = 0.05
MODEL = "vertex://acme/us-central1"
SETTINGS = {
    "SUBMIT_WITHIN_S": 4,
    "SUBMIT_TIMEOUT_S": 9,
    "SUBMITTING_HOLD_S": 16,
    "GENERATION_S": 5,
    "SEARCH_EVERY_S": 1,
    "ACK_DEADLINE_S": 5,
    "DRAIN_S": 20,
    "SUBMITS_PER_MINUTE": 6000,
    "LOOK_EVERY_S": 600,
    "CHECKS": "off",
}
"""Windows that are over in seconds, and wide enough for a machine with a lot to do."""
ONCE_S, OFTEN_S = 3600, 1
"""How often `reconcile` passes: once, so that every run has the same points, or all the time.
What a director leaves behind, the next one finds without it."""


@dataclass(frozen=True)
class House:
    """Open for as long as its context lasts."""

    case: Case
    job_id: str
    folder: Path
    ground: Ground
    vertex: WireVertex
    desk: PublisherContext
    receiver: Receiver
    """Gets the webhook of the sides `courier` and `director`. To the first, its first answer is 503."""
    heard: list[Message] = field(default_factory=list)
    """Every completion so far."""
    film_ends: list[Message] = field(default_factory=list)
    """Every end of a film so far."""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def record(self) -> Path:
        """The points that its watched process passed."""
        return self.folder / "points"

    @property
    def done(self) -> str:
        """The point at which the request's message is settled."""
        return f"after delivery {self.case.lane.name}.ack #1"

    async def job(self) -> Job | None:
        """Its record."""
        return await self.desk.jobs.get(self.job_id)

    async def jobs(self) -> list[Job]:
        """Every record."""
        return list((await self.desk.jobs.list(JobQuery())).jobs)

    async def film(self) -> Film:
        """The record of its film."""
        assert self.desk.films
        film = await self.desk.films.get(self.job_id)
        assert film
        return film

    async def film_ended(self) -> None:
        """The film has its end, which is announced."""
        while not self.film_ends:
            self.news.clear()
            await self.news.wait()
        film = await self.film()
        while film.announce_due or not film.state.ended:  # another process writes the record
            await asyncio.sleep(LOOK_EVERY_S)
            film = await self.film()

    async def order_film(self) -> None:
        """The film of the side `director`: two scenes, of which it shows half a second each."""
        scenes = [
            {"name": name, "prompt": f"A harbour at {name}, gulls", "trim": {"end": 0.5}} for name in ("dawn", "night")
        ]
        asked = {"film_id": self.job_id, "max_cost_usd": 5, "defaults": ASKED[self.case.order], "scenes": scenes}
        asked["webhook"] = {"url": self.receiver.url}
        await order_film(self.desk, FilmRequest.model_validate(asked), Access())

    async def order(self) -> None:
        """The request goes out: past the desk, or from somebody who publishes straight to the bus."""
        hook = {"webhook": {"url": self.receiver.url}} if self.case.side == COURIER else {}
        request = VideoRequest.model_validate({"job_id": self.job_id, **self.case.asked, **hook})
        if request.reference_image is None:
            with suppress(Unavailable):  # an emulator is slow at first: then as the others do
                await submit(self.desk, request)
                return
        await self.desk.bus.publish(topic_of(request), encode_request(request, at=self.desk.clock.now()))

    async def told(self, count: int = 1) -> None:
        """So many completions came."""
        while len(self.heard) < count:
            self.news.clear()
            await self.news.wait()

    async def deliveries(self) -> list[WebhookDelivery]:
        """The deliveries of its webhook."""
        assert self.desk.deliveries
        is_film = self.case.side == DIRECTOR
        query = DeliveryQuery(film_id=self.job_id) if is_film else DeliveryQuery(job_id=self.job_id)
        return list((await self.desk.deliveries.list(query)).deliveries)

    async def posted(self) -> None:
        """The webhook is delivered, and its record says so."""
        while [each.state for each in await self.deliveries()] != [DeliveryState.DELIVERED]:
            self.receiver.arrived.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.receiver.arrived.wait(), LOOK_EVERY_S)

    async def accepted(self) -> None:
        """The model took the first submit."""
        while not self.vertex.books.accepted:  # noqa: ASYNC110  # the books are a plain list
            await asyncio.sleep(LOOK_EVERY_S)

    async def start(self, kind: str, *, watched: bool = False) -> Part:
        """The real process, to be killed where the case says; or the normal one."""
        arguments = ["--port", "0"] if kind == "facade" else []
        return await start(kind, arguments, self._environment(watched), self.folder)

    def _environment(self, watched: bool) -> dict[str, str]:
        settings = {
            **SETTINGS,
            **self.ground.addresses(self.job_id),
            "DATA_DIR": self.folder,
            "MODEL": MODEL,
            "VERTEX_BASE_URL": self.vertex.url,
            **self.case.settings,
            "RECONCILE_EVERY_S": ONCE_S if watched or self.case.side == DIRECTOR else OFTEN_S,
            "WEBHOOK_SECRETS": SECRET,
            "WEBHOOK_NETWORKS": NETWORKS,
        }
        return {
            "PATH": os.environ["PATH"],
            **self.ground.environment(self.job_id),
            **{f"REELBUS_{name.upper()}": str(value) for name, value in settings.items()},
            **(self._fate() if watched else {}),
        }

    def _fate(self) -> dict[str, str]:
        point = self.case.point
        return {"CRASH_RECORD": str(self.record), **({"CRASH_AT": point} if point not in ("", HELD) else {})}


def _plan(request: VideoRequest) -> Plan:
    provider, address = find_provider(MODEL)
    return provider.open_planner(address, PublisherSettings())(request)


@asynccontextmanager
async def house_of(case: Case, job_id: str, ground: Ground) -> AsyncIterator[House]:
    """With an ear on its completions."""
    folder = ground.root / job_id
    folder.mkdir()
    at = ground.addresses(job_id)
    receiver = Receiver(first=[b"HTTP/1.1 503 Service Unavailable\r\n\r\n"] if case.side == COURIER else [])
    async with Adapters() as adapters, vertex_at(ground.depot()) as vertex, receiving(receiver):
        vertex.then(*(case.steps or SCRIPTS.get(case.order, ())))
        desk = PublisherContext(
            bus=await adapters.bus(at["bus"]),
            jobs=await adapters.jobs(at["jobs"]),
            videos=await adapters.videos(at["videos"], base_url="http://facade"),
            clock=SystemClock(),
            deliveries=await adapters.deliveries(at["jobs"]),
            films=await adapters.films(at["jobs"]),
            planner=_plan,
            webhook_policy=parse_policy(NETWORKS, "443"),
        )
        for subscription in (WORKERS, BATCH_WORKERS, DEAD_WORKERS, WEBHOOKS, EAR):
            await desk.bus.ensure(subscription)
        house = House(case, job_id, folder, ground, vertex, desk, receiver)
        async with _listening(house, EAR, house.heard):
            if case.side != DIRECTOR:
                yield house
                return
            for subscription in (FILM_WORKERS, FILM_EAR):
                await desk.bus.ensure(subscription)
            async with _listening(house, FILM_EAR, house.film_ends):
                yield house


@asynccontextmanager
async def _listening(house: House, ear: Subscription, heard: list[Message]) -> AsyncIterator[None]:
    async def listen() -> None:
        async with house.desk.bus.subscribe(ear, limit=100) as deliveries:
            async for delivery in deliveries:
                heard.append(delivery.message)
                house.news.set()
                await delivery.ack()

    listening = asyncio.create_task(listen())
    try:
        yield
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
