"""`POST /api/videos/plan` and `GET /api/spend`: what a video would cost, and what was spent."""

from datetime import date

from starlette.datastructures import Headers
from starlette.responses import Response

from publisher.facade.call import Call, check_connected
from publisher.facade.middleware import access_of
from publisher.facade.request_body import Upload
from publisher.facade.request_headers import job_id_of_key, video_request
from publisher.facade.responses import json_response
from publisher.facade.routes import check_parameters
from publisher.plan import plan_video
from publisher.spend_report import to_csv
from schemas.errors import Invalid

_CSV = "text/csv"


async def plan(call: Call) -> Response:
    """Answer with the plan of the request in the body. The body is read and checked as that of a generate call."""
    access, state = access_of(call), call.state
    access.check("submit")
    with Upload(state["uploads"]) as upload:
        body = await upload.read(call)
        with await state["admission"].acquire() as slot:
            if slot.queued:
                await check_connected(call)
            request, names_job = await video_request(body, job_id_of_key(call.headers))
            del body
            return json_response(await plan_video(state["ctx"], request, access, names_job=names_job))


async def spend(call: Call) -> Response:
    """Answer with the amounts, as JSON or as CSV."""
    access = access_of(call)
    access.check("read", "operate")
    check_parameters(call, ("since", "format"))
    wants_csv = _wants_csv(call.query_params.get("format"), call.headers)
    report = await call.state["spend_reports"].report(access, _parse_day(call.query_params.get("since")))
    if not wants_csv:
        return json_response(report)
    disposition = f'attachment; filename="spend-{report.since}.csv"'
    return Response(to_csv(report), media_type=_CSV, headers={"Content-Disposition": disposition})


def _wants_csv(format: str | None, headers: Headers) -> bool:
    if format not in (None, "csv", "json"):
        raise Invalid("format must be csv or json", field="format")
    accepted = [kind.partition(";")[0].strip().lower() for kind in headers.get("accept", "").split(",")]
    return format == "csv" or (format is None and accepted[0] == _CSV)


def _parse_day(given: str | None) -> date | None:
    if given is None:
        return None
    try:
        if len(given) == 10:
            return date.fromisoformat(given)
    except ValueError:
        pass
    raise Invalid("since must be a day such as 2026-01-31", field="since")
