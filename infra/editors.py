"""What this installation can write for editing programs: the packages of the extra `editors`. Imports none of them."""

from importlib.util import find_spec

from schemas.wire.film_parts import FilmExport

_NEEDS: dict[FilmExport, str] = {
    "otio": "opentimelineio",
    "edl": "otio_cmx3600_adapter",
    "fcpxml": "otio_fcp_adapter",
}


def find_exports() -> frozenset[FilmExport]:
    """Return what can be written; nothing without the extra."""
    if find_spec("opentimelineio") is None:
        return frozenset()
    return frozenset(export for export, package in _NEEDS.items() if find_spec(package))
