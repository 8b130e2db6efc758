"""The page Spend: today and this month against the limits, by model, project, caller and day, and all of it as CSV."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from starlette.responses import Response

from publisher.console.rendering import render
from publisher.facade.call import Call
from publisher.facade.middleware import access_of
from publisher.spend_report import SpendReport, to_csv
from schemas.errors import Invalid

WIDTH, HEIGHT, BASE = 720, 142, 140
"""The size of the chart, and the height of its zero line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """One day in the chart, in its own units."""

    day: date
    charged_usd: Decimal
    unknown_usd: Decimal
    x: float
    width: float
    charged_height: float
    unknown_height: float

    @property
    def top_of_charged(self) -> float:
        """Where the charged part begins, from the top."""
        return BASE - self.charged_height

    @property
    def top_of_unknown(self) -> float:
        """Where the part in doubt begins, from the top."""
        return self.top_of_charged - self.unknown_height


async def show_spend(call: Call) -> Response:
    """Show the report. Raises `Invalid` for a bad `since`."""
    report = await _read_report(call)
    return await render(
        call, "spend.html", report=report, bars=bars_of(report), width=WIDTH, height=HEIGHT, base_line=BASE
    )


async def download_spend(call: Call) -> Response:
    """Answer with the report as CSV. Raises `Invalid` for a bad `since`."""
    report = await _read_report(call)
    headers = {"Content-Disposition": f'attachment; filename="reelbus-spend-{report.since}.csv"'}
    return Response(to_csv(report), media_type="text/csv; charset=utf-8", headers=headers)


async def _read_report(call: Call) -> SpendReport:
    access = access_of(call)
    access.check("read", "operate")
    since = call.query_params.get("since", "").strip()
    try:
        day = date.fromisoformat(since) if since else None
    except ValueError:
        raise Invalid("since must be a day, for example 2026-01-31", field="since") from None
    return await call.state["spend_reports"].report(access, since=day)


def bars_of(report: SpendReport) -> Sequence[Bar]:
    """Return a bar for each day from `since` until today, those without payments included."""
    by_day = {group.key: group for group in report.by_day}
    last = report.as_of.date()
    days = [report.since + timedelta(days=passed) for passed in range((last - report.since).days + 1)]
    sums = [group.charged_usd + group.unknown_usd for group in report.by_day]
    scale = float(BASE - 20) / float(max(sums)) if any(sums) else 0.0
    slot = WIDTH / max(len(days), 1)
    bars = []
    for index, day in enumerate(days):
        group = by_day.get(day.isoformat())
        charged, unknown = (group.charged_usd, group.unknown_usd) if group else (Decimal(0), Decimal(0))
        bars.append(
            Bar(
                day=day,
                charged_usd=charged,
                unknown_usd=unknown,
                x=round(index * slot + slot * 0.15, 1),
                width=round(min(slot * 0.7, 60), 1),
                charged_height=round(float(charged) * scale, 1),
                unknown_height=round(float(unknown) * scale, 1),
            )
        )
    return bars
