"""What a budget costs at Firestore: one write and one read more for a submit under one limit, and none without."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from google.cloud.firestore_v1.services.firestore import FirestoreAsyncClient

from infra.adapters import Adapters
from schemas.domain.budget import Limit
from schemas.domain.job import new_job
from subscriber.budget_guard import BudgetGuard
from subscriber.context import WorkerContext
from subscriber.submission import submit_next
from tests.gcp.emulated import Project
from tests.worker.bench import a_request, bench_in

pytestmark = pytest.mark.emulator

LIMIT = Limit.model_validate({"scope": "all", "period": "month", "limit_usd": "1000"})


@dataclass
class Bill:
    """Documents read and written, as they are billed."""

    reads: int = 0
    writes: int = 0
    commits: list[dict[str, Any]] = field(default_factory=list)

    def into(self, monkeypatch: pytest.MonkeyPatch) -> None:
        read, commit = FirestoreAsyncClient.batch_get_documents, FirestoreAsyncClient.commit

        def reading(client: Any, request: Any = None, **named: Any) -> Any:
            self.reads += len(request["documents"])
            return read(client, request, **named)

        def committing(client: Any, request: Any = None, **named: Any) -> Any:
            self.writes += len(request["writes"])
            self.commits.append({"writes": request["writes"], **named})
            return commit(client, request, **named)

        monkeypatch.setattr(FirestoreAsyncClient, "batch_get_documents", reading)
        monkeypatch.setattr(FirestoreAsyncClient, "commit", committing)


@pytest.fixture
async def ctx(project: Project, tmp_path: Path) -> AsyncIterator[WorkerContext]:
    async with Adapters() as adapters, bench_in(tmp_path, b"") as bench:
        guard = BudgetGuard((LIMIT,), await adapters.budgets(project.jobs_url))
        ctx = replace(bench.ctx, jobs=await adapters.jobs(project.jobs_url), guard=guard)
        await _submit(ctx, "the-first-one-cuts-the-limit")
        yield ctx


async def _submit(ctx: WorkerContext, job_id: str) -> None:
    job = await ctx.jobs.create(new_job(a_request(job_id=job_id), ctx.clock.now()))
    assert (await submit_next(ctx, job)).clips[0].operation


async def test_a_submit_under_one_limit_takes_one_read_and_one_write_more(
    ctx: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    bill = Bill()
    bill.into(monkeypatch)
    await _submit(replace(ctx, guard=BudgetGuard()), "without")
    assert (bill.reads, bill.writes) == (0, 3)
    await _submit(ctx, "with")
    assert (bill.reads, bill.writes) == (0 + 1, 3 + 4)


async def test_the_money_and_the_claim_are_one_commit_that_is_sent_once(
    ctx: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    bill = Bill()
    bill.into(monkeypatch)
    await _submit(ctx, "job")
    (claim,) = [commit for commit in bill.commits if len(commit["writes"]) > 1]
    assert (claim["retry"], claim["timeout"]) == (None, 5.0)
    assert all(write.current_document.update_time for write in claim["writes"])
    assert [write.update.name.split("/")[-2] for write in claim["writes"]] == ["jobs", "budgets"]
