"""Stand around the ports of a process, and pass a point before and after every call."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from schemas.ports import Bus, Delivery, Subscription
from schemas.wire.message import Message
from tests.crash.labels import Labels, place_of
from tests.crash.points import Points


class Tap:
    """Any port: what is awaited passes two points, all the rest goes straight through."""

    def __init__(self, port: str, target: Any, points: Points, labels: Labels) -> None:
        self._port, self._target = port, target
        self._points, self._labels = points, labels

    def __getattr__(self, verb: str) -> Any:
        found = getattr(self._target, verb)
        return self._around(verb, found) if inspect.iscoroutinefunction(found) else found

    def _around(self, verb: str, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def tapped(*arguments: Any, **named: Any) -> Any:
            name = self._labels.of(f"{self._port}.{verb}", arguments)
            self._points.passed(f"before {name}")
            answer = await call(*arguments, **named)
            self._labels.learn(answer)
            self._points.passed(f"after {name}")
            return answer

        return tapped


class WriteTap(Tap):
    """Deliveries of webhooks: reads go straight through, since how many there are depends on the clock."""

    def __getattr__(self, verb: str) -> Any:
        return super().__getattr__(verb) if verb in ("create", "save") else getattr(self._target, verb)


class FileTap(Tap):
    """The video store of a director: only what it stores and fetches is a step."""

    def __getattr__(self, verb: str) -> Any:
        return super().__getattr__(verb) if verb in ("put", "fetch") else getattr(self._target, verb)


class FilmTap(Tap):
    """The films: reads go straight through. So do saves that only set the time of the next look, after the first one:
    how many there are depends on the clock."""

    def __init__(self, port: str, target: Any, points: Points, labels: Labels) -> None:
        super().__init__(port, target, points, labels)
        self._by_the_clock = {"films.save rendering→rendering"}

    def __getattr__(self, verb: str) -> Any:
        found = getattr(self._target, verb)
        return self._read(found) if verb == "get" else super().__getattr__(verb) if verb == "save" else found

    def _read(self, get: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def read(film_id: str) -> Any:
            film = await get(film_id)
            self._labels.learn(film)
            return film

        return read

    def _around(self, verb: str, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        tapped = super()._around(verb, call)

        async def save(film: Any) -> Any:
            name = self._labels.of(f"{self._port}.{verb}", (film,))
            if name in self._by_the_clock:
                return await call(film)
            if name == "films.save joining→joining":
                self._by_the_clock.add(name)
            return await tapped(film)

        return save


def target_of(port: Any) -> Any:
    """Return what a tap stands around; any other object as it is."""
    return port._target if isinstance(port, Tap) else port  # its own module


class BusTap(Tap):
    """The bus hands out deliveries, which have verbs of their own."""

    @asynccontextmanager
    async def subscribe(self, subscription: Subscription, *, limit: int) -> AsyncIterator[AsyncIterator[Delivery]]:
        """As the bus does."""
        place = place_of(subscription)
        self._points.passed(f"before bus.subscribe {place}")
        async with cast("Bus", self._target).subscribe(subscription, limit=limit) as deliveries:
            self._points.passed(f"after bus.subscribe {place}")
            yield self._tapped(deliveries, place)

    @asynccontextmanager
    async def follow(self, subscription: Subscription) -> AsyncIterator[AsyncIterator[Message]]:
        """As the bus does."""
        place = place_of(subscription)
        self._points.passed(f"before bus.follow {place}")
        async with cast("Bus", self._target).follow(subscription) as messages:
            self._points.passed(f"after bus.follow {place}")
            yield self._followed(messages, place)

    async def _followed(self, messages: AsyncIterator[Message], place: str) -> AsyncIterator[Message]:
        async for message in messages:
            self._points.passed(f"at message {place}")
            yield message

    async def _tapped(self, deliveries: AsyncIterator[Delivery], place: str) -> AsyncIterator[Delivery]:
        async for delivery in deliveries:
            tapped = Tap(f"delivery {place}", delivery, self._points, self._labels)
            self._points.passed(f"at delivery {place}")
            yield cast("Delivery", tapped)
