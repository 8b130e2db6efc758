"""Keep the manifest (C2PA) of a model's file through cuts and joins, and say so if it is lost.

It fails no job and no film: a video whose manifest can't be kept is delivered without one, and marked `dropped`.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from schemas.ports import NotSigned, Provenance, SourcePart
from schemas.wire.checks import DROPPED, KEPT

logger = logging.getLogger(__name__)


async def sign_made(
    provenance: Provenance | None,
    made: Path,
    parts: Sequence[SourcePart],
    *,
    is_composite: bool,
    adds_more: bool = False,
    about: Mapping[str, object],
) -> None:
    """Give a made video a manifest that names its sources, before it is stored. `about` names it in the log."""
    if provenance is None:
        return
    try:
        await provenance.sign(made, parts, is_composite=is_composite, adds_more=adds_more)
    except NotSigned as error:
        extra = {**about, "action": "provenance_dropped", "reason": str(error)}
        logger.warning("a video loses the manifest of its sources", extra=extra)


async def tell_provenance(provenance: Provenance | None, stored: Path, sources: Sequence[Path]) -> str | None:
    """Return what became of the manifests of the sources in the stored video; None if there was none to keep."""
    is_kept = await provenance.is_kept(stored, sources) if provenance else None
    return None if is_kept is None else KEPT if is_kept else DROPPED
