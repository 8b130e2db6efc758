"""Whatever happens in whatever order: nothing is paid twice, nothing paid is lost, everything ends.

The machine lets single calls of single workers through, loses answers, delivers twice, stops and kills workers, moves
the clock, and restores backups of the records. At the end nothing goes wrong any more, and everything must come to its
end.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.errors import Conflict, Unavailable
from schemas.wire.request import OnUnknownSubmit, VideoRequest
from tests.model.provider import Operation
from tests.model.stage import Call
from tests.model.world import World
from tests.worker.clips import write_clip

AWAY = Unavailable("out of reach")
LOSABLE = (
    "create",
    "save",
    "publish",
    "ack",
    "nack",
    "get",
    "put",
    "fetch",
    "list",
    "recover",
    "delete",
    "park",
    "next",
    "remove",
    "holds",
)
CALLS_TO_BE_ADMITTED = 2
"""The record is read, and created if there is none."""
picks = st.integers(0, 1_000_000)


def film() -> bytes:
    with TemporaryDirectory() as folder:
        return write_clip(Path(folder) / "film.mp4").read_bytes()


FILM = film()


class NeverPaysTwice(RuleBasedStateMachine):
    """One world, up to three jobs, as many workers as are started."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.world: World = self.run(World.open(Path(self.folder.name), FILM))
        self.runner.get_loop().set_exception_handler(lambda *_: None)  # a killed process retrieves nothing
        self.requests: dict[str, VideoRequest] = {}
        self.ends: dict[tuple[str, int], JobState] = {}
        self.backup: list[Job] = []
        self.restored: set[str] = set()
        """Jobs that may end a second time, and otherwise: only their money is looked at."""

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    @initialize(
        clips=st.integers(1, 2),
        choice=st.sampled_from(OnUnknownSubmit),
        recorded=st.booleans(),
        capacity=st.sampled_from([0, 1, 1]),
    )
    def begin(self, clips: int, choice: OnUnknownSubmit, recorded: bool, capacity: int) -> None:
        """A worker that parks has one job more than it takes, and no room for the next one."""
        self.world.capacity = capacity
        self._publish(clips, choice, recorded)
        self.run(self._started())
        if capacity:
            self._publish(clips, choice, recorded)
            for letter in self.world.post.free():
                self.run(self._taken(letter, self.world.workers[0]))
                self._let_through(CALLS_TO_BE_ADMITTED)

    async def _started(self) -> None:
        self.world.start_worker()

    @precondition(lambda self: len(self.requests) < 3)
    @rule(clips=st.integers(1, 2), choice=st.sampled_from(OnUnknownSubmit), recorded=st.booleans())
    def another_job(self, clips: int, choice: OnUnknownSubmit, recorded: bool) -> None:
        self._publish(clips, choice, recorded)

    def _publish(self, clips: int, choice: OnUnknownSubmit, recorded: bool) -> None:
        job_id = f"job-{len(self.requests) + 1}"
        self.requests[job_id] = VideoRequest(
            job_id=job_id, prompt="A harbour at dawn, gulls", duration_seconds=clips, on_unknown_submit=choice
        )
        self.run(self.world.publish(self.requests[job_id], recorded=recorded))

    @rule(which=picks)
    def a_message_comes_twice(self, which: int) -> None:
        request = list(self.requests.values())[which % len(self.requests)]
        self.run(self.world.publish(request, recorded=False))

    @precondition(lambda self: self.world.post.free() and self.world.workers)
    @rule(letter=picks, worker=picks)
    def a_message_is_delivered(self, letter: int, worker: int) -> None:
        free, workers = self.world.post.free(), self.world.workers
        self.run(self._taken(free[letter % len(free)], workers[worker % len(workers)]))

    async def _taken(self, letter: Any, worker: Any) -> None:
        worker.take(letter)
        await self.world.stage.settle()

    @rule(worker=picks)
    def a_lease_is_lost(self, worker: int) -> None:
        """Its worker may live on: it was only stopped for a while, and knows nothing."""
        if self.world.workers:
            self.world.post.lose_leases(self.world.workers[worker % len(self.world.workers)].name)

    @precondition(lambda self: self._ready())
    @rule(which=st.lists(picks, min_size=1, max_size=12))
    def calls_go_through(self, which: list[int]) -> None:
        for each in which:
            if ready := self._ready():
                self.run(self.world.stage.let(ready[each % len(ready)]))

    def _let_through(self, calls: int) -> None:
        for _ in range(calls):
            if ready := self._ready():
                self.run(self.world.stage.let(ready[0]))

    @precondition(lambda self: self._losable())
    @rule(which=picks, fate=st.sampled_from(["never arrives", "answer lost", "own write looks foreign"]))
    def a_call_goes_wrong(self, which: int, fate: str) -> None:
        calls = self._losable()
        call = calls[which % len(calls)]
        if fate == "never arrives":
            self.run(self.world.stage.let(call, instead=AWAY))
        elif fate == "own write looks foreign" and call.name.endswith("Jobs.save"):
            self.run(self.world.stage.let(call, after=Conflict("somebody was faster")))
        else:
            self.run(self.world.stage.let(call, after=AWAY))

    @rule(fate=st.sampled_from(["quota", "safety", "question lost", "answer lost", "answer lost"]))
    def the_next_submit_goes_wrong(self, fate: str) -> None:
        self.world.provider.on_submit = fate

    @rule(fate=st.sampled_from(["running", "busy", "unsafe", "unavailable"]))
    def the_next_poll_says(self, fate: str) -> None:
        self.world.provider.on_poll = fate

    @rule(which=picks)
    def a_film_lands(self, which: int) -> None:
        if operations := [each for each in self.world.provider.operations.values() if each.charged]:
            self.run(self.world.provider.deliver(operations[which % len(operations)]))

    @rule(seconds=st.sampled_from([1, 6, 11, 95, 125, 1900, 4000, 90_000]))
    def time_passes(self, seconds: int) -> None:
        self.world.time.passed_s += seconds

    @precondition(lambda self: len(self.world.workers) < 3)
    @rule()
    def a_worker_starts(self) -> None:
        self.run(self._started())

    @precondition(lambda self: self.world.workers)
    @rule(which=picks)
    def a_worker_is_killed(self, which: int) -> None:
        workers = self.world.workers
        self.run(self.world.crash(workers[which % len(workers)]))

    @rule()
    def a_backup_is_taken(self) -> None:
        self.backup = self.run(self.world.all_jobs())

    @precondition(lambda self: self.backup)
    @rule()
    def a_backup_is_restored(self) -> None:
        self.run(self.world.restore(self.backup))
        self.restored |= {job.job_id for job in self.backup}

    @rule(which=picks)
    def somebody_cancels(self, which: int) -> None:
        if jobs := self.run(self.world.all_jobs()):
            self.run(self.world.cancel(jobs[which % len(jobs)].job_id))

    @precondition(lambda self: self.world.workers)
    @rule(which=picks)
    def reconcile_comes_round(self, which: int) -> None:
        self.run(self._reconciled(self.world.workers[which % len(self.world.workers)]))

    async def _reconciled(self, worker: Any) -> None:
        worker.reconcile()
        await self.world.stage.settle()

    @precondition(lambda self: self.world.workers and self.world.capacity)
    @rule(which=picks)
    def parked_jobs_are_brought_back(self, which: int) -> None:
        self.run(self._brought_back(self.world.workers[which % len(self.world.workers)]))

    async def _brought_back(self, worker: Any) -> None:
        worker.bring_back()
        await self.world.stage.settle()

    @invariant()
    def a_planned_clip_is_paid_once_unless_its_caller_accepted_to_pay_twice(self) -> None:
        paid = Counter((each.job_id, each.clip) for each in self._charged())
        strict = {key: n for key, n in paid.items() if not self._may_pay_twice(key[0])}
        assert all(n == 1 for n in strict.values()), strict

    @invariant()
    def one_attempt_is_accepted_at_most_once(self) -> None:
        attempts = Counter(each.prefix for each in self.world.provider.operations.values())
        assert all(n == 1 for n in attempts.values()), attempts

    @invariant()
    def nothing_is_sent_for_a_claim_that_was_given_up(self) -> None:
        assert all(each.claimed for each in self.world.provider.operations.values())

    @invariant()
    def an_end_is_an_end(self) -> None:
        for job in self.run(self.world.all_jobs()):
            if job.ended and job.job_id not in self.restored:
                assert self.ends.setdefault((job.job_id, job.life), job.state) is job.state

    @invariant()
    def completions_tell_the_end_that_the_record_tells(self) -> None:
        for completion in self.world.post.completions:
            if completion.job_id in self.restored:
                continue
            end = self.ends.get((completion.job_id or "", 1))
            assert end is not None
            assert completion.state.value == end.value

    def teardown(self) -> None:
        try:
            self.run(self.world.heal())
            self._promises_are_kept()
            for job in self.run(self.world.all_jobs()):
                self._has_ended(job)
            known = {job.job_id for job in self.run(self.world.all_jobs())}
            assert known == set(self.requests)
        finally:
            self.run(self.world.close())
            self.runner.close()
            self.folder.cleanup()

    def _promises_are_kept(self) -> None:
        self.a_planned_clip_is_paid_once_unless_its_caller_accepted_to_pay_twice()
        self.one_attempt_is_accepted_at_most_once()
        self.nothing_is_sent_for_a_claim_that_was_given_up()
        self.an_end_is_an_end()
        self.completions_tell_the_end_that_the_record_tells()

    def _has_ended(self, job: Job) -> None:
        """Every job ends, tells it, and its record knows of everything that was paid for it."""
        assert job.ended
        if job.job_id in self.restored:
            return
        assert [each for each in self.world.post.completions if each.job_id == job.job_id]
        for operation in self._charged():
            if operation.job_id == job.job_id:
                line = job.clips[operation.clip]
                known = {line.operation, line.output, *line.late}
                assert known & {operation.name, operation.film}, f"{operation} was paid and is in no line of {job}"

    def _ready(self) -> list[Call]:
        return self.world.stage.ready(self.world.time.passed_s)

    def _losable(self) -> list[Call]:
        return [call for call in self._ready() if call.name.split(".")[-1] in LOSABLE]

    def _charged(self) -> list[Operation]:
        return [each for each in self.world.provider.operations.values() if each.charged]

    def _may_pay_twice(self, job_id: str) -> bool:
        return self.requests[job_id].on_unknown_submit is OnUnknownSubmit.RESUBMIT


LONG = settings.get_current_profile_name() == "long"
NeverPaysTwice.TestCase.settings = settings(
    max_examples=1000 if LONG else 25,
    stateful_step_count=40,
    deadline=None,
    derandomize=not LONG,
    phases=(Phase.explicit, Phase.generate),  # shrinking takes minutes: each step is a world of its own
    suppress_health_check=list(HealthCheck),
)
test_never_pays_twice = pytest.mark.timeout(3600 if LONG else 110)(NeverPaysTwice.TestCase)
