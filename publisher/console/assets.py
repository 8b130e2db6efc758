"""The static files of the console: style, scripts, icon, and the licence of htmx.

htmx is vendored under its version's name. The addresses of all files carry a digest of their content, so that browsers
keep them until a release changes them.
"""

import hashlib
from dataclasses import dataclass
from importlib.resources import files

from starlette.responses import Response

from schemas.errors import NotFound

STYLE = "console.css"
SCRIPTS = ("htmx-4.0.1.min.js", "hx-sse-4.0.1.min.js", "console.js")
ICON = "icon.svg"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_CACHE = {"Cache-Control": "public, max-age=31536000, immutable"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Asset:
    """One file."""

    content: bytes
    media_type: str

    @property
    def version(self) -> str:
        """A digest of the content."""
        return hashlib.sha256(self.content).hexdigest()[:12]


class Assets:
    """All files, read once."""

    def __init__(self) -> None:
        folder = files("publisher.console") / "static"
        self._by_name = {
            entry.name: Asset(content=entry.read_bytes(), media_type=_TYPES[f".{entry.name.rpartition('.')[2]}"])
            for entry in folder.iterdir()
        }

    @property
    def size_bytes(self) -> int:
        """The size of all files together."""
        return sum(len(asset.content) for asset in self._by_name.values())

    def address_of(self, name: str) -> str:
        """Return the path of a file below `/console`, with the version of its content."""
        return f"/static/{name}?v={self._by_name[name].version}"

    def response(self, name: str) -> Response:
        """Return the file. Raises `NotFound`."""
        asset = self._by_name.get(name)
        if asset is None:
            raise NotFound(f"there is no file {name}")
        return Response(asset.content, media_type=asset.media_type, headers=_CACHE)
