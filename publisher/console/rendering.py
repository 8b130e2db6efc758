"""Renders the pages: Jinja2 with autoescape, always. No template marks a text as safe or has inline script or style.

Prompts, labels, file names and error texts are hostile: they are shown, and nothing in them is executed.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from publisher.console.assets import ICON, SCRIPTS, STYLE, Assets
from publisher.console.sessions import Sessions
from publisher.facade.call import Call
from publisher.plan import show_seconds
from publisher.settings import PublisherSettings
from schemas.domain.delivery import DeliveryState
from schemas.domain.film import FilmState
from schemas.domain.states import ClipState, JobState
from schemas.errors import ReelbusError
from schemas.ports import VideoStore

if TYPE_CHECKING:
    from publisher.console.watched_lists import WatchedLists

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:{store}; media-src 'self'{store}; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_TONES: Mapping[str, str] = {
    JobState.SUCCEEDED: "good",
    JobState.FAILED: "bad",
    JobState.EXPIRED: "bad",
    JobState.SUBMITTING: "busy",
    JobState.GENERATING: "busy",
    JobState.STORING: "busy",
    FilmState.RENDERING: "busy",
    FilmState.JOINING: "busy",
    FilmState.HELD: "warn",
    ClipState.ACCEPTED: "busy",
    ClipState.DONE: "good",
    ClipState.REFUSED: "bad",
    ClipState.UNKNOWN: "warn",
    ClipState.LATE: "warn",
    DeliveryState.PENDING: "busy",
    DeliveryState.DELIVERED: "good",
    DeliveryState.DISABLED: "warn",
}


def to_usd(amount: Decimal | float) -> str:
    """Return an amount as `$0.40`, with more digits if it has them."""
    exact = Decimal(str(amount))
    cents = exact.quantize(Decimal("0.01"))
    return f"${cents if cents == exact else exact.normalize():f}"


def to_price(amount: Decimal | float) -> str:
    """Return an amount, or `free`."""
    return to_usd(amount) if amount else "free"


def to_moment(at: datetime) -> str:
    """Return a moment for people, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def to_duration(seconds: float) -> str:
    """Return a duration for people: `40 s`, `12 min`, `3 h`, `2 days`."""
    for unit, size in (("days", 2 * 86_400), ("h", 2 * 3600), ("min", 120)):
        if seconds >= size:
            return f"{seconds / {'days': 86_400, 'h': 3600, 'min': 60}[unit]:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 or seconds == int(seconds) else f"{seconds:.1f} s"


def to_sentence(words: str) -> str:
    """Return words that are part of a log line or an answer as a sentence of their own."""
    return words[:1].upper() + words[1:].rstrip(".") + "."


def digest_of(*parts: object) -> str:
    """Return a short digest, by which a page and its stream compare what they show."""
    return hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "surrogatepass")).hexdigest()[:16]


class Console:
    """What all pages share."""

    def __init__(self, settings: PublisherSettings, base: str, sessions: Sessions, lists: "WatchedLists") -> None:
        self.settings = settings
        self.base = base
        """The path of the console, with that of the public URL before it."""
        self.sessions = sessions
        self.lists = lists
        self.assets = Assets()
        self.templates = _open_templates(self)
        self._policy: str | None = None

    def url(self, path: str, **query: object) -> str:
        """Return the address of a page. Empty values are left out of the query."""
        given = {name: value for name, value in query.items() if value not in (None, "")}
        return f"{self.base}{path}" + (f"?{urlencode(given)}" if given else "")

    def media(self, url: str | None) -> str | None:
        """Return the address of a file for this page. A file of the local folder comes from wherever the page does."""
        if url is None or not self.settings.videos_url.startswith("file:"):
            return url
        parts = urlsplit(url)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    async def policy(self, videos: VideoStore) -> str:
        """Return the Content-Security-Policy. If a bucket has the files, pictures and videos may come from its host."""
        if self._policy is None:
            store = ""
            if not self.settings.videos_url.startswith("file:"):
                try:
                    parts = urlsplit(await videos.url_for("posters/any.jpg"))
                except ReelbusError:
                    return _POLICY.format(store="")
                store = f" {parts.scheme}://{parts.netloc}"
            self._policy = _POLICY.format(store=store)
        return self._policy


def console_of(call: Call) -> Console:
    """Return the console that serves this call."""
    console: Console = call.scope["console"]
    return console


async def render(call: Call, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """Return a page."""
    console = console_of(call)
    headers = {
        "Content-Security-Policy": await console.policy(call.state["ctx"].videos),
        # With `no-referrer`, browsers send `Origin: null` with a form of our own page.
        "Referrer-Policy": "same-origin",
    }
    return HTMLResponse(render_part(call, template, status=status, **context), status_code=status, headers=headers)


def render_part(call: Call, template: str, **context: Any) -> str:
    """Return the HTML of a template."""
    shared = {
        "live": False,
        "access": call.scope.get("access"),
        "has_session": call.scope.get("console_token") is not None,
    }
    return console_of(call).templates.get_template(template).render({**shared, **context})


def _open_templates(console: Console) -> Environment:
    templates = Environment(
        loader=PackageLoader("publisher.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    templates.filters.update(
        usd=to_usd,
        price=to_price,
        moment=to_moment,
        sentence=to_sentence,
        duration=to_duration,
        seconds=show_seconds,
        tone=lambda state: _TONES.get(state, "idle"),
        media=console.media,
    )
    address_of = console.assets.address_of
    templates.globals.update(
        url=console.url,
        style=console.url(address_of(STYLE)),
        scripts=[console.url(address_of(name)) for name in SCRIPTS],
        icon=console.url(address_of(ICON)),
        is_keyless=not console.settings.knows_callers,
    )
    return templates
