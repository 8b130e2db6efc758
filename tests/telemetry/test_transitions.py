"""What all processes counted of a job's money is what `reelbus spend` says, whatever happens to its record.

The machine of `tests/unit/test_state_machine.py` throws events at one job. Three processes write them to a real SQLite
file, in turn by chance. Answers are lost, writes come too late, and two events may be one write.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from infra.telemetry.process import Telemetry
from publisher.compose import open_context
from publisher.settings import PublisherSettings
from publisher.spend import spend
from schemas.domain import events as ev
from schemas.domain.clip import Plan
from schemas.domain.evaluation import EvaluationCall
from schemas.domain.job import Job
from schemas.domain.states import ClipState
from schemas.errors import Conflict, Unavailable
from schemas.ports import JobStore
from tests.telemetry.tracers import tracer_into
from tests.unit.makers import GONE, PRICE, a_job, accepted, after, done, lost, played, started
from tests.unit.test_state_machine import Life, indexes

PROCESSES = 3
Sums = dict[tuple[str, str], Decimal]
"""US dollars by model and `charged`."""


class Outages:
    """A real store that does not answer when it is told so, before or after the write."""

    def __init__(self, jobs: JobStore) -> None:
        self.jobs = jobs
        self.fault = ""

    def __getattr__(self, name: str) -> object:
        return getattr(self.jobs, name)

    async def save(self, job: Job) -> Job:
        fault, self.fault = self.fault, ""
        if fault == "not stored":
            raise Unavailable("the request was lost")
        saved = await self.jobs.save(job)
        if fault == "answer lost":
            raise Unavailable("the answer was lost")
        if fault == "cancelled":
            raise asyncio.CancelledError
        return saved


class Process:
    """One process that counts what it stores."""

    def __init__(self, jobs: JobStore) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader], shutdown_on_exit=False)
        self.store = Outages(jobs)
        self.telemetry = Telemetry(tracer_into([]), self.provider.get_meter("tests"), is_worker=True)
        self.jobs = self.telemetry.trace_jobs(cast("JobStore", self.store), "sqlite:")

    async def fail_to_save(self, job: Job, fault: str) -> None:
        self.store.fault = fault
        with pytest.raises(asyncio.CancelledError if fault == "cancelled" else Unavailable):
            await self.jobs.save(job)

    def points(self) -> Sequence[tuple[str, Any, Decimal]]:
        """The present values: name, attributes, value."""
        data = self.reader.get_metrics_data()
        metrics = [it for each in (data.resource_metrics if data else ()) for it in each.scope_metrics[0].metrics]
        return [
            (it.name, point.attributes, Decimal(str(round(cast("Any", point).value, 6))))
            for it in metrics
            if it.name.startswith(("reelbus.spend", "reelbus.clips", "reelbus.jobs", "reelbus.evaluation"))
            for point in it.data.data_points
        ]


class Shared(Life):
    """A job that three processes write."""

    def __init__(self) -> None:
        super().__init__()
        self.chance = random.Random(0)
        self.runner, self.stack = asyncio.Runner(), AsyncExitStack()
        folder = Path(self.stack.enter_context(TemporaryDirectory(prefix="reelbus-test-")))
        context = open_context(PublisherSettings(_env_file=None, data_dir=folder))
        self.ctx = self.runner.run(self.stack.enter_async_context(context))
        self.processes = [Process(self.ctx.jobs) for _ in range(PROCESSES)]
        self.revisions: list[str] = []
        self.is_saved = False
        self.ends = 0

    @initialize(seed=st.integers(0, 2**20))
    def chance_has_a_seed(self, seed: int) -> None:
        self.chance.seed(seed)

    def take(self, event: ev.Step) -> bool:
        if isinstance(event, ev.SubmitStarted):
            event = replace(event, plan=_name_models(event.plan))
        if not self.revisions:
            self.revisions.append(self.runner.run(self._any().jobs.create(self.job)).revision)
        before = self.job
        self.now += timedelta(milliseconds=1)  # no two events are of one moment
        if not super().take(event):
            return False
        self.ends += self.job.ended and not before.ended
        self.is_saved = False
        if self.job.ended or before.ended or self.chance.random() > 0.1:  # else the next event is of the same write
            self.runner.run(self._save(before))
        return True

    @rule(index=indexes, usd=st.sampled_from(["0.31", "2.5"]))
    def a_clip_is_done_at_the_price_of_its_tokens(self, index: int | None, usd: str) -> None:
        self.take(ev.ClipDone(at=self.now, clip=self.at(index), output="a.mp4", price_usd=Decimal(usd)))
        self.bill[f"difference {len(self.bill)}"] = self.job.cost_usd - sum(self.bill.values(), Decimal(0))

    @invariant()
    def money_never_decreases_unless_the_model_says_that_a_failed_clip_was_not_charged(self) -> None:
        """Or that a clip cost less than was planned."""
        if not isinstance(self.event, ev.ClipDone):
            super().money_never_decreases_unless_the_model_says_that_a_failed_clip_was_not_charged()

    @rule(outcome=st.sampled_from(["answered", "refused", "no_answer"]), price=st.sampled_from(["0.03", None]))
    def an_evaluator_is_answered(self, outcome: str, price: str | None) -> None:
        usd = Decimal(price) if price else None
        call = EvaluationCall(kind="evaluation", metric="m", at=self.now, price_usd=usd)
        if self.take(ev.EvaluationCalled(at=self.now, call=call)):
            number = len(self.job.evaluations) - 1
            self.take(ev.EvaluationCallEnded(at=self.now, number=number, outcome=outcome))

    @rule()
    def a_process_reads(self) -> None:
        if self.revisions:
            self.runner.run(self._any().jobs.get(self.job.job_id))

    def teardown(self) -> None:
        try:
            if self.revisions:
                self._end()
                self.runner.run(self._compare())
        finally:
            self.runner.run(self.stack.aclose())
            self.runner.close()

    def _end(self) -> None:
        self.take(ev.CancelRequested(at=self.now))
        if clip := self.job.clip_in(ClipState.SUBMITTING):
            self.take(ev.SubmitOutcomeUnknown(at=self.now, nonce=str(clip.nonce)))
        self.take(ev.SubmitGivenUp(at=self.now, failure=GONE))
        for number in range(len(self.job.evaluations)):
            self.take(ev.EvaluationCallEnded(at=self.now, number=number, outcome="no_answer"))
        assert self.job.ended
        if not self.is_saved:
            self.runner.run(self._save(self.before))

    async def _save(self, before: Job) -> None:
        """Store the present version, as one of the processes does, perhaps after trouble."""
        process, has_moved = self._any(), self.job.history != before.history
        await process.jobs.get(self.job.job_id)  # or it could not write this version
        job = self.job.model_copy(update={"revision": self.revisions[-1]})
        match self.chance.choice(["", "", "", "answer lost", "cancelled", "not stored", "overtaken", "too late"]):
            case "answer lost" | "cancelled" as fault:  # it reads again at once, or after the others have written
                await process.fail_to_save(job, fault)
            case "not stored":
                await process.fail_to_save(job, "not stored")
                if self.chance.random() < 0.5:
                    await process.jobs.get(job.job_id)
            case "overtaken" if has_moved:  # what it could not write happened at another moment
                await process.fail_to_save(_shift(job), "not stored")
                process = self._any()
                await process.jobs.get(job.job_id)
            case "too late" if len(self.revisions) > 1:
                with pytest.raises(Conflict):
                    await process.jobs.save(job.model_copy(update={"revision": self.revisions[-2]}))
        stored = await self.ctx.jobs.get(job.job_id)
        assert stored
        if stored.revision == self.revisions[-1]:
            stored = await process.jobs.save(job)
        self.revisions.append(stored.revision)
        self.is_saved = True
        if self.chance.random() < 0.3:
            await self._any().jobs.get(job.job_id)

    async def _compare(self) -> None:
        for process in self.processes:
            await process.telemetry.settle()
        points = [point for process in self.processes for point in process.points()]
        counted = _usd(points, "reelbus.spend")
        for key, usd in _usd(points, "reelbus.spend.reversed").items():
            counted[key] = counted.get(key, Decimal(0)) - usd
        said = await spend(self.ctx, by="model")
        ledger = {(str(group.key), "yes"): group.charged_usd for group in said.groups}
        ledger |= {(str(group.key), "unknown"): group.unknown_usd for group in said.groups}
        assert {key: usd for key, usd in counted.items() if usd} == {key: usd for key, usd in ledger.items() if usd}
        sums = Counter[str]()
        for name, attributes, value in points:
            sums[f"{name} {attributes.get('reelbus.clip.state', '')}".strip()] += value  # type: ignore[assignment]
        assert sums["reelbus.clips done"] == sum(clip.state is ClipState.DONE for clip in self.job.clips)
        assert sums["reelbus.jobs"] == self.ends
        assert sums["reelbus.evaluations"] == said.evaluations.calls
        assert sums["reelbus.evaluation.spend"] == said.evaluations.cost_usd

    def _any(self) -> Process:
        return self.chance.choice(self.processes)


def _name_models(plan: Plan) -> Plan:
    """Each price is another model's."""
    clips = [clip.model_copy(update={"model": f"{clip.model}-{clip.price_usd}"}) for clip in plan.clips]
    return plan.model_copy(update={"clips": tuple(clips)})


def _shift(job: Job) -> Job:
    """The version that has the newest state a moment later."""
    *history, last = job.history
    last = last.model_copy(update={"at": last.at + timedelta(milliseconds=1)})
    return job.model_copy(update={"history": (*history, last)})


def _usd(points: Sequence[tuple[str, Any, Decimal]], wanted: str) -> Sums:
    """The sums of a metric over all processes. Discarded clips are charged."""
    sums: Sums = {}
    for name, attributes, value in points:
        if name == wanted:
            key = (attributes["gen_ai.request.model"], attributes["reelbus.charged"].replace("discarded", "yes"))
            sums[key] = sums.get(key, Decimal(0)) + value
    return sums


TestShared = Shared.TestCase
TestShared.settings = settings(
    phases=[Phase.generate],  # to shrink a failure takes minutes
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


async def test_a_write_that_is_cancelled_counts_if_it_was_stored(tmp_path: Path) -> None:
    """However far it had come."""
    async with open_context(PublisherSettings(_env_file=None, data_dir=tmp_path)) as ctx:
        process = Process(ctx.jobs)
        for turns in range(8):
            job = await process.jobs.create(a_job(job_id=f"job-{turns}"))
            job = await process.jobs.save(played(started(), accepted(), job=job))
            saving = asyncio.create_task(process.jobs.save(played(done(), job=job)))
            for _ in range(turns):
                await asyncio.sleep(0)
            saving.cancel()
            await asyncio.wait([saving])
        await process.telemetry.settle()
        jobs = [await ctx.jobs.get(f"job-{turns}") for turns in range(8)]
    stored = [job.clips[0].state for job in jobs if job].count(ClipState.DONE)
    counted = [usd for name, _, usd in process.points() if name == "reelbus.spend"]
    assert counted == [PRICE * stored] * bool(stored)


async def test_a_worker_that_could_not_say_what_another_said_counts_nothing(tmp_path: Path) -> None:
    """Its submit's outcome was unknown, and it could not store that; who took the job over could."""
    async with open_context(PublisherSettings(_env_file=None, data_dir=tmp_path)) as ctx:
        owner, other = Process(ctx.jobs), Process(ctx.jobs)
        job = await owner.jobs.save(played(started(), job=await owner.jobs.create(a_job())))
        await owner.fail_to_save(played(lost(), job=job), "not stored")
        seen = await other.jobs.get(job.job_id)
        assert seen
        taken_over = ev.SubmitOutcomeUnknown(at=after(100), nonce="n1")
        await other.jobs.save(played(taken_over, job=seen))
        await owner.jobs.get(job.job_id)
    points = [point for process in (owner, other) for point in process.points()]
    assert _usd(points, "reelbus.spend") == {("veo-3.1-fast", "unknown"): PRICE}
