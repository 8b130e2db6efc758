"""Takes the completions of videos, has those evaluated for which that was asked, and announces the score.

It is no part of the worker: a completion was sent before the evaluator hears of it, and waits for nothing here.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from schemas.domain.evaluation import cost_of
from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.errors import Conflict, Unavailable
from schemas.ports import EVALUATIONS, EVALUATORS, Delivery, JobQuery
from schemas.services.backoff import Backoff, backoff_s
from schemas.services.evaluation import read_evaluation
from schemas.services.job_pages import read_pages
from schemas.services.update import get_job
from schemas.wire.evaluation import Evaluated, Evaluation, encode_evaluated
from schemas.wire.message import Message, job_id_of
from schemas.wire.trace import TRACEPARENT
from subscriber.evaluation.context import CallUnderWay, EvaluatorContext
from subscriber.evaluation.scoring import evaluate

logger = logging.getLogger(__name__)

AT_ONCE = 8
DRAIN_S = 8.0
"""How long a stopping evaluator waits for answers: what is lost then is a try."""
_SUCCEEDED = "reelbus.video.succeeded.v1"
CAUGHT_UP = timedelta(days=1)
JOBS_LOOKED_AT = 5000
"""When an evaluator starts. On Firestore each is a billed read."""
_PAGE = 100
_LOOKS = 3
_RETRY_AT_MOST_S = 300.0
_NACK_AT_MOST_S = 600.0
_WAITS = "a video could not be evaluated yet"


class Evaluator:
    """The loop of one evaluator. An error in it is logged, and the loop begins again."""

    def __init__(self, ctx: EvaluatorContext, *, drain_s: float = DRAIN_S) -> None:
        self._ctx, self._drain_s = ctx, drain_s
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event, *, ready: Callable[[], None] = lambda: None) -> None:
        """Work until `stop` is set. Raises `Unavailable` if the subscription can't be read at the start."""
        await self._ctx.bus.check(EVALUATORS)
        ready()
        loops = [asyncio.create_task(self._take_for_ever()), asyncio.create_task(self._catch_up(self._ctx.clock.now()))]
        try:
            await stop.wait()
        finally:
            self._ctx.stopping.set()
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=self._drain_s)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take_for_ever(self) -> None:
        backoff = Backoff()
        while True:
            try:
                async with self._ctx.bus.subscribe(EVALUATORS, limit=AT_ONCE) as deliveries:
                    async for delivery in deliveries:
                        backoff.reset()
                        self._start(self.handle(delivery))
            except Unavailable as error:
                extra = {"action": "evaluator_waits", "reason": str(error)}
                logger.warning("the evaluator can't reach the bus", extra=extra)
            except Exception:  # a bug must not end the evaluations of all others
                logger.exception("the loop of the evaluator broke", extra={"action": "evaluator_broke"})
            await self._ctx.clock.sleep(backoff.next_s())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def handle(self, delivery: Delivery) -> None:
        """Have the video of a completion evaluated, announce the score, and acknowledge the completion.

        It runs in a task of its own, whose log lines name the trace of the message.
        """
        TRACEPARENT.set(delivery.message.traceparent)
        try:
            if job := await self._find_job(delivery.message):
                await self._evaluate(job)
            await delivery.ack()
        except Exception as error:  # a completion that can't be handled now must come again
            delay_s = backoff_s(1, _RETRY_AT_MOST_S, delivery.attempt)
            if isinstance(error, CallUnderWay):
                delay_s = min(error.after_s, _NACK_AT_MOST_S)
            extra = {"action": "evaluation_waits", "reason": str(error)}
            logger.warning(_WAITS, extra=extra, exc_info=_is_unexpected(error))
            with suppress(Unavailable):  # the lease expires, and the bus delivers it again
                await delivery.nack(delay_s=delay_s)

    async def _catch_up(self, started_at: datetime) -> None:
        """Evaluate the videos of the last day whose completions came before the subscription of evaluators existed.

        A video that another evaluator has begun is looked at again after its call was answered, or lost. So is one
        that had an error, and all of them after an outage. The next evaluator that starts looks again as well.
        """
        unannounced = set[str]()
        for _ in range(_LOOKS):
            try:
                has_waiting = await self._look_for_missed(started_at, unannounced)
            except Exception as error:  # the store of the jobs is out of reach, or a bug
                extra = {"action": "evaluation_waits", "reason": str(error)}
                logger.warning(_WAITS, extra=extra, exc_info=_is_unexpected(error))
                has_waiting = True
            if not has_waiting:
                return
            await self._ctx.clock.sleep(self._ctx.call_at_most.total_seconds())

    async def _look_for_missed(self, started_at: datetime, unannounced: set[str]) -> bool:
        """Evaluate each missed video. Return True if one must be looked at again."""
        since = started_at - CAUGHT_UP
        query = JobQuery(states=frozenset({JobState.SUCCEEDED}), written_since=since, limit=_PAGE)
        left, has_waiting = JOBS_LOOKED_AT, False
        async for page in read_pages(self._ctx.jobs, query):
            for job in page:
                has_waiting |= not await self._evaluate_missed(job, started_at, unannounced)
            left -= len(page)
            if left <= 0 or not page or page[-1].created_at < since:
                break
        return has_waiting

    async def _evaluate_missed(self, job: Job, started_at: datetime, unannounced: set[str]) -> bool:
        """Return False if another evaluator has the video, or if it had an error. Others must not wait for it.

        Of later ends this evaluator hears by a message. `unannounced` has the videos that this evaluator began: their
        scores may be stored, and not announced.
        """
        ctx = self._ctx
        is_missed = (job.since(job.state) or started_at) < started_at
        if not is_missed or not ctx.wants(job):
            return True
        try:
            if job.job_id in unannounced or not await read_evaluation(ctx.videos, job, scratch=ctx.scratch):
                unannounced.add(job.job_id)
                await self._evaluate(job)
                unannounced.discard(job.job_id)
        except CallUnderWay:
            unannounced.discard(job.job_id)  # the other evaluator announces it
            return False
        except Exception as error:
            extra = {"action": "evaluation_waits", "reason": str(error), "job_id": job.job_id}
            logger.warning(_WAITS, extra=extra, exc_info=_is_unexpected(error))
            return False
        return True

    async def _find_job(self, message: Message) -> Job | None:
        """Return the job whose video is to be evaluated; None for another completion."""
        job_id = job_id_of(message)
        if job_id is None or message.attributes.get("ce-type") != _SUCCEEDED:
            return None
        job = await self._ctx.jobs.get(job_id)
        return job if job and self._ctx.wants(job) else None

    async def _evaluate(self, job: Job) -> None:
        evaluation = await evaluate(self._ctx, job)
        await self._announce(await get_job(self._ctx.jobs, job.job_id), evaluation)

    async def _announce(self, job: Job, evaluation: Evaluation) -> None:
        """Publish the score, unless the job was erased meanwhile."""
        if job.erased_at:
            return
        event = Evaluated(
            job_id=job.job_id,
            life=job.life,
            project_id=job.request.project_id,
            labels=job.request.labels,
            model=job.clips[0].planned.model if job.clips else None,
            gcs_path=job.result.gcs_path if job.result else None,
            calls=len(job.evaluations),
            cost_usd=cost_of(job.evaluations),
            evaluation=evaluation,
        )
        message = encode_evaluated(event, at=self._ctx.clock.now(), caller=job.caller, traceparent=job.traceparent)
        await self._ctx.bus.publish(EVALUATIONS, message)
        extra = {"action": "evaluated", "job_id": job.job_id, "score": evaluation.score, "metric": evaluation.metric}
        logger.info("evaluated a video", extra={**extra, "calls": event.calls})


def _is_unexpected(error: Exception) -> bool:
    return not isinstance(error, CallUnderWay | Conflict | Unavailable)
