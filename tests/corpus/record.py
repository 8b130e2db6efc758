"""Record what this tree stores and sends, for every later version to read: `python -m tests.corpus.record FOLDER`.

Run it in the tree of the release, with that release's Python; `make corpus` does so before a release. It writes

`records.json`   every record as it is stored, and what it means with all defaults
`messages.json`  requests, cancels, completions of every kind, and dead letters
`schemas/`       the JSON Schemas of the release
`data.tar.xz`    a data folder with jobs in every state, to be opened and worked off
"""

import asyncio
import json
import shutil
import sqlite3
import sys
import tarfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from infra.adapters import Adapters
from publisher.context import PublisherContext
from publisher.dead_letters import replay
from publisher.jobs import cancel
from publisher.submit import submit
from schemas.domain import events as ev
from schemas.domain.budget import Limit, Period
from schemas.domain.clip import Plan
from schemas.domain.job import Job
from schemas.domain.states import ClipState, JobState
from schemas.export import FOLDER as SCHEMAS
from schemas.ports import REQUESTS
from schemas.services.erasure import Eraser
from schemas.services.update import save_event
from schemas.settings import Addresses
from schemas.wire.message import Message, encode_cancel, encode_request
from schemas.wire.request import CancelRequest, VideoRequest
from subscriber.budget_guard import BudgetGuard
from subscriber.submission import submit_next
from tests.images import data_url, png
from tests.worker.bench import Bench, a_request, bench_in
from tests.worker.clips import write_clip
from tests.worker.paid_model import SAFETY, lose_the_question, refuse

FULL = {
    "prompt": "A harbour at dawn, boats leaving 🚢", "duration_seconds": 2, "quality": "quality",
    "aspect_ratio": "9:16", "resolution": "1080p", "negative_prompt": "text, logos", "style": "watercolour", "seed": 42,
    "generate_audio": False, "model": "paid-1", "project_id": "spring", "scene_index": 3, "max_cost_usd": 3.2,
    "on_unknown_submit": "resubmit", "labels": {"team": "growth"},
}  # fmt: skip
SCENE = {
    "title": "Opening", "description": "A quay in the morning", "visual": "Fog", "cameraFlow": "Slow pan",
    "script": "Here it begins.", "backgroundMusic": "Calm piano", "timeStart": "0:00", "timeEnd": "0:01",
}  # fmt: skip
LIMITS = (
    Limit(scope="all", period=Period.MONTH, limit_usd="500"),
    Limit(scope="label:team=growth", period=Period.DAY, limit_usd="50"),
)
FAR = datetime(2126, 1, 31, tzinfo=UTC)


async def record(folder: Path) -> None:
    """Write the four parts; the folder is emptied before."""
    shutil.rmtree(folder, ignore_errors=True)
    data = folder / "data"
    data.mkdir(parents=True)
    film = write_clip(folder / "film.mp4").read_bytes()
    sent: list[Message] = []
    async with bench_in(data, film) as bench:
        bench.model.clip_seconds = 1
        await _let_jobs_end(bench, sent)
        await _leave_jobs_half_way(bench, sent)
        letters = [letter.message for letter in await bench.ctx.bus.dead_letters()]
    _write(folder / "messages.json", [_message(each) for each in (*sent, *letters)])
    _settle(data)
    _write(folder / "records.json", _records(data / "reelbus.db"))
    shutil.copytree(SCHEMAS, folder / "schemas")
    with tarfile.open(folder / "data.tar.xz", "w:xz") as archive:
        archive.add(data, "data", filter=_anonymous)
    shutil.rmtree(data)
    (folder / "film.mp4").unlink()


async def _let_jobs_end(bench: Bench, sent: list[Message]) -> None:
    """Every end that there is, each announced, and a budget that their clips were taken from."""
    at = bench.ctx.clock.now()
    past = at - timedelta(seconds=1)
    async with Adapters() as adapters:
        budgets = await adapters.budgets(f"sqlite://{bench.ctx.scratch.parent}/reelbus.db")
        async with bench.working(guard=BudgetGuard(LIMITS, budgets)):
            for job_id, asked in (
                ("succeeded", FULL),
                ("scene", {"scene": SCENE, "prompt": "", "duration_seconds": None}),
                ("image", {"reference_image": data_url(png())}),
                ("expired", {"start_before": past.isoformat()}),
                ("erased", {"labels": {"team": "growth"}}),
            ):
                await _end(bench, sent, job_id, **asked)
            bench.model.submits.append(refuse(SAFETY))
            await _end(bench, sent, "failed")
            bench.model.submits.append(lose_the_question)
            await _end(bench, sent, "failed-unknown")
            bench.model.submits.append(refuse(SAFETY))
            await _end(bench, sent, "replayed")
            await replay(_desk(bench), "replayed")
            sent.append(await _hear(bench))
            await bench.queued(job_id="cancelled")
            await cancel(_desk(bench), "cancelled", reason="not needed any more")
            sent.append(await _hear(bench))
            await bench.send_raw(b'{"job_id": "rejected", "prompt": "short"}', job_id="rejected")
            sent.append(await _hear(bench))
            await bench.send_raw(b"no JSON at all")
            sent.append(await _hear(bench))
    eraser = Eraser(jobs=bench.ctx.jobs, videos=bench.ctx.videos, bus=bench.ctx.bus, clock=bench.ctx.clock)
    await eraser.finish([await eraser.mark("erased")])


async def _leave_jobs_half_way(bench: Bench, sent: list[Message]) -> None:
    """What a release finds when everything was stopped at once."""
    ctx, at = bench.ctx, bench.ctx.clock.now()
    await submit(_desk(bench), a_request(job_id="queued"), traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
    for job_id in ("queued", "lost-message"):
        job = await _job(bench, job_id)
        await ctx.jobs.save(job.model_copy(update={"deadline": FAR, "caller": "acme", "reattach_until": at}))
    for job_id in ("submitting", "unknown"):
        started = ev.SubmitStarted(at=at, plan=_plan(bench, job_id), owner="worker-1", nonce=f"nonce-of-{job_id}")
        job = await save_event(ctx.jobs, await _job(bench, job_id), started)
        if job_id == "unknown":
            await save_event(ctx.jobs, job, ev.SubmitOutcomeUnknown(at=at, nonce=started.nonce))
        await ctx.bus.publish(REQUESTS, encode_request(job.request, at=at))
    started = ev.SubmitStarted(at=at, plan=_plan(bench, "late"), owner="worker-1", nonce="nonce-of-late")
    late = await save_event(ctx.jobs, await _job(bench, "late"), started)
    for event in (
        ev.SubmitOutcomeUnknown(at=at, nonce=started.nonce),
        ev.SubmitGivenUp(at=at, failure=SAFETY),
        ev.AcceptedLate(at=at, clip=0, nonce=started.nonce, operation="operations/late"),
    ):
        late = await save_event(ctx.jobs, late, event)
    half = await submit_next(ctx, await _job(bench, "half", duration_seconds=2))
    await save_event(
        ctx.jobs, half, ev.ClipDone(at=at, clip=0, output=await bench.model.deliver(half.clips[0].prefix or ""))
    )
    storing = await submit_next(ctx, await _job(bench, "storing"))
    output = await bench.model.deliver(storing.clips[0].prefix or "")
    assert (await save_event(ctx.jobs, storing, ev.ClipDone(at=at, clip=0, output=output))).state is JobState.STORING
    await _draw(bench)
    wish = encode_cancel(CancelRequest(job_id="unknown", reason="no need"), at=at)
    sent += [encode_request(a_request(job_id="full", **FULL), at=at), wish]
    await ctx.bus.publish(REQUESTS, wish)


async def _draw(bench: Bench) -> None:
    """A clip of the local renderer, whose operation is a file in the store."""
    ctx = bench.ctx
    async with Adapters() as adapters:
        animatic = await adapters.model(
            "animatic:", videos=ctx.videos, scratch=ctx.scratch, settings=Addresses(renderers=1)
        )
        job = await _job(bench, "generating", scene=SCENE, prompt="", seed=3)
        plan = animatic.plan(job.request)
        started = ev.SubmitStarted(at=ctx.clock.now(), plan=plan, owner="worker-1", nonce="nonce-of-generating")
        job = await save_event(ctx.jobs, job, started)
        before = ctx.clock.boot() + 60
        operation = await animatic.submit(job.request, job.clips[0], (), send_before=before)
        await save_event(ctx.jobs, job, ev.SubmitAccepted(at=ctx.clock.now(), nonce=started.nonce, operation=operation))


async def _job(bench: Bench, job_id: str, **asked: Any) -> Job:
    return await bench.ctx.jobs.get(job_id) or await bench.queued(job_id=job_id, **asked)


def _plan(bench: Bench, job_id: str) -> Plan:
    return bench.model.plan(a_request(job_id=job_id))


async def _end(bench: Bench, sent: list[Message], job_id: str, **asked: Any) -> None:
    fields = {key: value for key, value in {"job_id": job_id, **asked}.items() if value is not None}
    body = {**({} if "scene" in fields else {"duration_seconds": 1, "prompt": "A harbour at dawn, gulls"}), **fields}
    request = VideoRequest.model_validate(body)
    sent.append(encode_request(request, at=bench.ctx.clock.now()))
    await bench.ctx.bus.publish(REQUESTS, sent[-1])
    sent.append(await _hear(bench))


async def _hear(bench: Bench) -> Message:
    async with asyncio.timeout(60):
        delivery = await anext(bench.completions)
    await delivery.ack()
    return delivery.message


def _desk(bench: Bench) -> PublisherContext:
    return PublisherContext(bus=bench.ctx.bus, jobs=bench.ctx.jobs, videos=bench.ctx.videos, clock=bench.ctx.clock)


def _settle(data: Path) -> None:
    """What only a running process needs goes, and the database becomes one file."""
    with closing(sqlite3.connect(data / "reelbus.db", isolation_level=None)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("VACUUM")
    for name in ("wake", "scratch", "progress"):
        shutil.rmtree(data / name, ignore_errors=True)
    for file in data.glob("reelbus.db?*"):
        file.unlink()


def _records(path: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT job_id, record FROM jobs ORDER BY job_id").fetchall()
    found = {job_id: json.loads(record) for job_id, record in rows}
    jobs = {job_id: Job.model_validate(stored) for job_id, stored in found.items()}
    assert {job.state for job in jobs.values()} == set(JobState)
    assert {clip.state for job in jobs.values() for clip in job.clips} >= set(ClipState)
    return {
        job_id: {"stored": stored, "means": json.loads(jobs[job_id].model_dump_json())}
        for job_id, stored in found.items()
    }


def _message(message: Message) -> dict[str, Any]:
    return {"data": message.data.decode(), "attributes": dict(message.attributes)}


def _write(path: Path, content: dict[str, Any] | list[Any]) -> None:
    """One line for each entry."""
    named = content.items() if isinstance(content, dict) else [("", entry) for entry in content]
    lines = [
        (f"{json.dumps(name)}: " if name else "") + json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
        for name, entry in named
    ]
    begin, end = ("{", "}") if isinstance(content, dict) else ("[", "]")
    path.write_text("\n".join((begin, ",\n".join(lines), end, "")), encoding="utf-8")


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


if __name__ == "__main__":
    asyncio.run(record(Path(sys.argv[1]).absolute()))
