"""`HttpOperator` calls a facade for the commands of an operator, and for `reelbus plan`.

What would pay is sent without an amount first. The facade then changes nothing, and answers 402 with the payments. They
become `PaymentDue`, as the stores raise it, and the call is sent again with the amount that a person agreed to.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import httpx
from pydantic import BaseModel, ValidationError

from publisher.cli.http_client import parse, send, to_segment
from publisher.cli.operator_clients import Letter, Payments, ResolvedClip
from publisher.dead_letters import Payment, PaymentDue, total_of
from publisher.plan import VideoPlan
from publisher.replays import PaymentView, Quote
from publisher.resolve import Decision, Evidence, choose_clip
from publisher.spend import Spend
from publisher.spend_report import SpendReport
from publisher.trouble import DeadLetterView
from schemas.domain.projections import JobView
from schemas.errors import Invalid
from schemas.wire.request import VideoRequest

_GROUPS = ("model", "project", "caller", "day")


class _Letters(BaseModel):
    dead_letters: list[DeadLetterView]


class _Letter(DeadLetterView):
    attributes: dict[str, str]
    body: Any
    replay: Quote


class _Done(BaseModel):
    """A dead letter that was replayed or deleted."""

    replayed: str | None = None
    dropped: str | None = None


class _Resolved(BaseModel):
    job: JobView
    clip: int
    adopted: str | None


class _Due(BaseModel):
    payments: tuple[PaymentView, ...]


class HttpOperator:
    """Implements `OperatorClient` by calls of a facade. Its key needs the scope `operate` for most of them."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def plan(self, request: VideoRequest) -> VideoPlan:
        """Call `POST /api/videos/plan`. Raises `Invalid`."""
        body = request.model_dump(mode="json", exclude_unset=True, exclude={"job_id"})
        return parse(VideoPlan, await self._call("POST", "/videos/plan", json=body))

    async def replay(self, job_id: str, payments: Payments) -> tuple[JobView, bool]:
        """Call `POST …/replay` for the life that the job has now: a call that arrives twice replays it once."""
        path = f"/videos/{to_segment(job_id)}/replay"
        quote = parse(Quote, await self._call("GET", path))
        view = parse(JobView, await self._pay(path, payments, life=quote.life))
        return view, view.life != quote.life

    async def evidence(self, job_id: str) -> Evidence:
        """Call `GET …/resolve`."""
        return parse(Evidence, await self._call("GET", f"/videos/{to_segment(job_id)}/resolve"))

    async def resolve(self, job_id: str, decision: Decision, clip: int | None, payments: Payments) -> ResolvedClip:
        """Call `POST …/resolve` about the attempt that the evidence shows now."""
        unresolved = choose_clip(await self.evidence(job_id), clip)
        path = f"/videos/{to_segment(job_id)}/resolve"
        answer = await self._pay(path, payments, decision=decision, clip=unresolved.clip, attempt=unresolved.attempt)
        done = parse(_Resolved, answer)
        return ResolvedClip(
            job_id=done.job.video_id,
            clip=done.clip,
            state=done.job.state,
            life=done.job.life,
            charged=done.job.charged,
            cost_usd=done.job.cost_usd,
            adopted=done.adopted,
        )

    async def list_letters(self, limit: int) -> Sequence[Letter]:
        """Call `GET /api/dead-letters`, which answers without bodies and attributes."""
        found = parse(_Letters, await self._call("GET", "/dead-letters", params={"limit": limit}))
        return [letter.model_dump(mode="json") for letter in found.dead_letters]

    async def show_letter(self, letter_id: str) -> Letter:
        """Call `GET /api/dead-letters/{id}`, which also says what a replay would pay."""
        path = f"/dead-letters/{to_segment(letter_id, of='dead letter')}"
        return parse(_Letter, await self._call("GET", path)).model_dump(mode="json")

    async def replay_letter(self, letter_id: str, payments: Payments) -> None:
        """Call `POST /api/dead-letters/{id}/replay`."""
        path = f"/dead-letters/{to_segment(letter_id, of='dead letter')}/replay"
        parse(_Done, await self._pay(path, payments))

    async def drop_letter(self, letter_id: str) -> None:
        """Call `DELETE /api/dead-letters/{id}`."""
        path = f"/dead-letters/{to_segment(letter_id, of='dead letter')}"
        parse(_Done, await self._call("DELETE", path))

    async def spend(self, by: str | None, since: date | None) -> Spend:
        """Call `GET /api/spend`. It counts from the first of this month, or from a day at most 92 days ago."""
        if by not in (None, *_GROUPS):
            raise Invalid(f"by must be model, project, caller or day with --url, not {by!r}", field="by")
        params = {"since": since.isoformat()} if since else {}
        report = parse(SpendReport, await self._call("GET", "/spend", params=params))
        groups = getattr(report, f"by_{by}") if by else []
        if by == "caller" and report.total and not groups:
            raise Invalid("by caller needs a key with the scope operate", field="by")
        evaluations = report.evaluations
        return Spend(by=by, since=report.since, groups=groups, total=report.total, evaluations=evaluations)

    async def _pay(self, path: str, payments: Payments, **body: object) -> httpx.Response:
        """Send the call with the amount of these payments. Raises `PaymentDue` if it would make others."""
        pay = {"pay": float(total_of(payments))} if payments else {}
        answer = await self._call("POST", path, json={**body, **pay})
        if answer.status_code == httpx.codes.PAYMENT_REQUIRED and (due := _parse_payments(answer)):
            raise PaymentDue(due)
        return answer

    async def _call(self, method: str, path: str, **more: Any) -> httpx.Response:
        return await send(self._client, method, f"/api{path}", **more)


def _parse_payments(answer: httpx.Response) -> Payments:
    try:
        due = _Due.model_validate_json(answer.content)
    except ValidationError:
        return ()
    return tuple(Payment(**dict(payment)) for payment in due.payments)
