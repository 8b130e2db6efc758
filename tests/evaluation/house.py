"""A folder with the embedded default, a finished video, and an evaluator that talks to the service on the wire."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from infra.adapters import Adapters
from infra.clock import SystemClock
from infra.gcp.evaluation.scorer import open_scorer
from schemas.domain import events as ev
from schemas.domain.clip import Plan, PlannedClip
from schemas.domain.job import Job, Result, new_job
from schemas.domain.projections import completion_of
from schemas.domain.state_machine import advance
from schemas.ports import COMPLETIONS, EVALUATIONS, EVALUATORS, Delivery, Subscription
from schemas.services.evaluation import read_evaluation
from schemas.services.update import get_job
from schemas.wire.evaluation import Evaluated, Evaluation
from schemas.wire.message import encode_completion
from schemas.wire.request import VideoRequest
from subscriber.evaluation.context import EvaluatorContext
from subscriber.evaluation.evaluator import Evaluator
from tests.evaluation.service import EvaluationService

METRIC = "gecko_text2video_v2"
PROMPT = "A red kite over a beach"
VIDEO = b"the bytes of a video"
WAIT_S = 60
LISTENER = Subscription(name="test-evaluations", topic=EVALUATIONS)


@dataclass
class House:
    """The ports, and an ear on the evaluations."""

    ctx: EvaluatorContext
    adapters: Adapters
    scores: AsyncIterator[Delivery]

    async def finish(
        self,
        job_id: str = "job-1",
        *,
        caller: str | None = None,
        announces: bool = True,
        traceparent: str | None = None,
        **fields: Any,
    ) -> Job:
        """Store a finished video and publish its completion, as a worker does."""
        given = {"job_id": job_id, "prompt": PROMPT, "evaluate": True, "duration_seconds": 1, **fields}
        at = self.ctx.clock.now()
        job = new_job(VideoRequest.model_validate(given), at, caller=caller, traceparent=traceparent)
        clip = PlannedClip(model="veo-3.1-generate-001", seconds=1, billed_seconds=1, price_usd="0.4", expected_s=1)
        result = Result(gcs_path=job.final_name, width=1280, height=720, duration_seconds=1, size_bytes=len(VIDEO))
        for step in (
            ev.SubmitStarted(at=at, plan=Plan(clips=(clip,)), owner="worker", nonce="n1"),
            ev.SubmitAccepted(at=at, nonce="n1", operation="veo:1"),
            ev.ClipDone(at=at, clip=0, output="work/1"),
            ev.Stored(at=at, result=result),
        ):
            job = advance(job, step)
        job = await self.ctx.jobs.create(job)
        await self.ctx.videos.put(job.final_name, VIDEO, content_type="video/mp4")
        if announces:
            await self.announce(job)
        return job

    async def announce(self, job: Job) -> None:
        completion = completion_of(job, video_url=None)
        message = encode_completion(completion, at=self.ctx.clock.now(), caller=job.caller, traceparent=job.traceparent)
        await self.ctx.bus.publish(COMPLETIONS, message)

    async def job(self, job_id: str = "job-1") -> Job:
        return await get_job(self.ctx.jobs, job_id)

    async def stored(self, job_id: str = "job-1") -> Evaluation | None:
        return await read_evaluation(self.ctx.videos, await self.job(job_id))

    async def hear(self) -> Evaluated:
        """The next evaluation on the bus."""
        return Evaluated.model_validate_json((await self.hear_message()).message.data)

    async def hear_of(self, job_id: str) -> Evaluated:
        """The next evaluation of this job. Others, which may be told twice, are passed over."""
        while (event := await self.hear()).job_id != job_id:
            pass
        return event

    async def hear_message(self) -> Delivery:
        async with asyncio.timeout(WAIT_S):
            delivery = await anext(self.scores)
        await delivery.ack()
        return delivery

    @asynccontextmanager
    async def evaluating(self, **changes: Any) -> AsyncIterator[EvaluatorContext]:
        """An evaluator at work."""
        ctx = replace(self.ctx, **{"refused_metrics": set(), "refused_rubrics": set(), **changes})
        stop = asyncio.Event()
        running = asyncio.create_task(Evaluator(ctx, drain_s=WAIT_S).run(stop))
        try:
            yield ctx
        finally:
            stop.set()
            await running


@asynccontextmanager
async def house_in(folder: Path, service: EvaluationService, *, call_s: float = 60) -> AsyncIterator[House]:
    """Open the real embedded adapters in a folder, and Google's client."""
    scratch, database = folder / "scratch", f"sqlite://{folder}/reelbus.db"
    scratch.mkdir(parents=True)
    async with Adapters() as adapters:
        videos = await adapters.videos(f"file://{folder}/videos", base_url="http://facade")
        address, videos_url = urlsplit("vertex://acme/europe-west4"), f"file://{folder}/videos"
        scorer = await open_scorer(
            address, videos=videos, videos_url=videos_url, scratch=scratch, base_url=service.url, call_s=call_s
        )
        adapters.close_at_exit(scorer.aclose)
        ctx = EvaluatorContext(
            bus=await adapters.bus(database, ack_deadline_s=1),
            jobs=await adapters.jobs(database),
            videos=videos,
            budgets=await adapters.budgets(database),
            scorer=scorer,
            clock=SystemClock(),
            scratch=scratch,
            metric=METRIC,
            call_at_most=timedelta(seconds=120),
            pause_s=0,
        )
        await ctx.bus.ensure(EVALUATORS)
        async with ctx.bus.subscribe(LISTENER, limit=100) as scores:
            yield House(ctx, adapters, scores)
