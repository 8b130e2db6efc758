"""Everything behind the doors of the wire-level Vertex AI: it accepts work, makes films, and tells how they stand."""

import asyncio
import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from tests.vertex.depot import Depot
from tests.vertex.films import film
from tests.vertex.script import Accepted, Books, Step
from tests.vertex.strict import Refused, require
from tests.vertex.work import Work

MAX_INPUT_S = 30
MAX_TOTAL_S = {"veo": 37, "gem": 40}


@dataclass(eq=False)
class Job:
    """One accepted operation."""

    step: Step
    name: str
    making: asyncio.Task[None]
    model: str = ""
    turns: list[Any] = field(default_factory=list)
    """What the caller put into an interaction."""
    uris: list[str] = field(default_factory=list)
    films: list[bytes] = field(default_factory=list)
    """What comes in the answer instead of a file."""
    polls_left: int = 0
    statuses_left: deque[int] = field(default_factory=deque)


class Studio:
    """Accepts, counts, and makes."""

    def __init__(self, depot: Depot, *, seconds: float = 0) -> None:
        self.depot = depot
        self.script: deque[Step] = deque()
        self.default = Step(seconds=seconds)
        self.shrink = 1
        """Of every film at least, where tests look at none of them."""
        self.books = Books()
        self.retired: set[str] = set()
        self.released = asyncio.Event()
        """What is held may be made."""
        self.answers = asyncio.Event()
        """While it is cleared, accepted submits are not answered."""
        self.answers.set()
        self.accepted = asyncio.Event()
        """Set by the first operation that is accepted."""
        self.jobs: dict[str, Job] = {}
        self._lengths: dict[str, int] = {}

    def next_step(self) -> Step:
        return self.script.popleft() if self.script else self.default

    async def check_inputs(self, work: Work) -> None:
        """Raises `Refused` for what is not in the bucket, or too long."""
        root = f"gs://{self.depot.bucket}/"
        for uri in (*work.images, work.extends):
            ours = uri is not None and uri.startswith(root)
            require(not ours or await self.depot.has(str(uri).removeprefix(root)), f"{uri} was not found.")
        require(work.storage_uri.startswith(root), f"No access to {work.storage_uri}.")
        if work.previous and work.previous not in self.jobs:
            raise Refused(f"Interaction {work.previous} was not found.", 404)
        if work.extends or work.previous:
            length, longest = self._length_before(work), MAX_INPUT_S if work.previous or work.model[:3] == "veo" else 10
            require(0 < length <= longest, f"The input video must last 1 to {longest} seconds, not {length}.")
            require(length + work.seconds <= MAX_TOTAL_S[work.model[:3]], "The video would be too long.")

    def accept(self, work: Work, step: Step, name: str, path: str, body: dict[str, Any]) -> None:
        """It is paid from here on, and its film is made whether anybody asks for it or not."""
        self.books.accepted.append(
            Accepted(
                model=work.model,
                labels=work.labels,
                body=body,
                path=path,
                seconds=work.seconds,
                storage_uri=work.storage_uri,
            )
        )
        job = Job(step, name, asyncio.create_task(self._make(work, step, name)), polls_left=step.polls)
        job.model = work.model
        job.turns = body.get("input", [])
        job.statuses_left.extend(step.poll_statuses)
        self.jobs[name] = job
        self.accepted.set()

    async def asked(self, name: str) -> Job | None:
        """The job if it has ended, None while it runs. Raises `Refused` for 404s and scripted failures."""
        self.books.polls += 1
        job = self.jobs.get(name)
        if job is None or job.step.ending == "gone":
            raise Refused(f"Operation {name} was not found.", 404)
        if job.statuses_left:
            raise Refused("Scripted.", job.statuses_left.popleft(), job.step.headers)
        if job.polls_left or job.step.ending == "never":
            job.polls_left -= 1
            return None
        if not job.step.seconds and (self.released.is_set() or not job.step.held):
            await job.making  # so that a test need not guess how long an encoder takes
        return job if job.making.done() else None

    async def end(self) -> None:
        """No film is made any more."""
        for job in self.jobs.values():
            job.making.cancel()
        await asyncio.gather(*(job.making for job in self.jobs.values()), return_exceptions=True)

    async def _make(self, work: Work, step: Step, name: str) -> None:
        await asyncio.sleep(step.seconds)
        if step.held:
            await self.released.wait()
        if step.ending not in ("film", "fewer", "inline", "added"):
            return
        before = 0 if step.ending == "added" else self._length_before(work)
        length = work.seconds + before
        shrink = max(step.shrink, self.shrink)
        width, height = work.width // shrink, work.height // shrink
        data = await asyncio.to_thread(film, length, width, height, audio=work.audio)
        if step.ending == "inline":
            self.jobs[name].films.append(data)
            self._lengths[name] = length
            self._lengths[f"{work.storage_uri}inline.mp4"] = length  # where the worker puts it, to be extended
            return
        uri = f"{work.storage_uri}{random.randrange(10**18, 10**19)}/sample_0.mp4"
        await self.depot.write(uri.removeprefix(f"gs://{self.depot.bucket}/"), data)
        self._lengths[uri] = self._lengths[name] = length
        self.jobs[name].uris.append(uri)

    def _length_before(self, work: Work) -> int:
        """Of the video that it goes on from."""
        return self._lengths.get(work.previous or work.extends or "", 0)
