"""Holds every call of every port until somebody lets it through: in any order, late, in vain, or without its answer."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

TURNS = 30
"""So many turns of the loop bring every task to its next call: none of them waits for anything else."""


class Crashed(BaseException):
    """What the code of a killed process gets from every call: no `except Exception` can go on after it."""


@dataclass(eq=False, slots=True)
class Call:
    """One call that waits to be let through."""

    actor: str
    name: str
    run: Callable[[], Awaitable[Any]]
    answer: "asyncio.Future[Any]"
    not_before: float = 0.0

    def __str__(self) -> str:
        return f"{self.actor}: {self.name}"


@dataclass
class Stage:
    """All calls that wait, and the hand that lets them through."""

    waiting: list[Call] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)

    async def ask(self, actor: str, name: str, run: Callable[[], Awaitable[Any]], *, not_before: float = 0.0) -> Any:
        """The answer, once somebody lets the call through."""
        if actor in self.dead:
            raise Crashed
        call = Call(actor, name, run, asyncio.get_running_loop().create_future(), not_before)
        self.waiting.append(call)
        try:
            return await call.answer
        finally:
            if call in self.waiting:
                self.waiting.remove(call)

    def ready(self, now: float) -> list[Call]:
        """The calls that may go on; a sleeper may not before its time."""
        return [call for call in self.waiting if call.not_before <= now]

    async def let(
        self, call: Call, *, instead: BaseException | None = None, after: BaseException | None = None
    ) -> None:
        """Carries the call out; or raises `instead` of it; or raises `after` it, its answer lost."""
        self.waiting.remove(call)
        try:
            answer = None if instead else await call.run()
        except Exception as error:  # noqa: BLE001  # it belongs to whoever asked
            instead = error
        if call.answer.done():
            return
        if trouble := instead or after:
            call.answer.set_exception(trouble)
        else:
            call.answer.set_result(answer)
        await self.settle()

    async def crash(self, actor: str) -> None:
        """From here on nothing that this process asks for happens."""
        self.dead.add(actor)
        for call in [call for call in self.waiting if call.actor == actor]:
            self.waiting.remove(call)
            if not call.answer.done():
                call.answer.set_exception(Crashed())
        await self.settle()

    async def settle(self) -> None:
        """Everybody goes on as far as the next call."""
        for _ in range(TURNS):
            await asyncio.sleep(0)


class Gated:
    """A port whose every asynchronous verb waits on the stage. What is pure or synchronous goes straight through."""

    def __init__(self, port: Any, actor: str, stage: Stage) -> None:
        self._port, self._actor, self._stage = port, actor, stage

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._port, name)
        if not inspect.iscoroutinefunction(verb):
            return verb
        label = f"{type(self._port).__name__}.{name}"

        async def asked(*args: Any, **kwargs: Any) -> Any:
            return await self._stage.ask(self._actor, label, lambda: verb(*args, **kwargs))

        return asked
