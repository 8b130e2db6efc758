"""Which timelines for editing programs the workers can write. An order for another one is refused before it costs."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from publisher.context import PublisherContext
from schemas.errors import Invalid
from schemas.wire.film import FilmRequest

SEEN_WITHIN = timedelta(seconds=150)
"""Workers beat once a minute. One of which two beats are missing is no promise."""
_REMEDY = "run scripts/bootstrap editors where the workers run and restart them, or see docs/film.md"


async def check_outputs(ctx: PublisherContext, request: FilmRequest) -> None:
    """Raise `Invalid` for an output that no worker can write.

    The workers that were seen lately say what they can write. If none was seen, this installation decides.
    """
    if not request.exports:
        return
    beats = await ctx.statistics.beats() if ctx.statistics else ()
    reports = [beat.report for beat in beats if beat.read_at - beat.at < SEEN_WITHIN]
    known = {export for report in reports for export in _exports_of(report)} if reports else ctx.film_exports
    for index, output in enumerate(request.outputs):
        if output != "mp4" and output not in known:
            why = "no worker can write it" if reports else "no worker is seen, and this installation can't write it"
            raise Invalid(f"outputs.{index} can't be {output}: {why}; {_REMEDY}", field=f"outputs.{index}")


def _exports_of(report: Mapping[str, Any]) -> Sequence[str]:
    """Return what a worker can write. One of another version may say nothing of it, or say it in other words."""
    listed = report.get("film_exports")
    return listed if isinstance(listed, list) else ()
