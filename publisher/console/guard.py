"""Decides who sees the console, before a page is reached. A page that is not named public here needs a visitor.

- Without keys there is no login. `HostCheck` and the check of origins keep foreign pages out.
- With keys the visitor posts its key once, and has a session in a cookie from then on. The API reads no cookie.
- An identity proxy sends the visitor's ID token or key as `Authorization` with each request, and no session is needed.
"""

import re
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from publisher.access import Access
from publisher.console.rendering import Console
from publisher.facade.auth import Authenticator, Unauthorized
from publisher.facade.hosts import ForeignOrigin
from publisher.settings import PublisherSettings

ROOT = "/console"
LOGIN = f"{ROOT}/login"
_PUBLIC = (LOGIN, f"{ROOT}/logout")
_STATIC = f"{ROOT}/static/"
_READS = frozenset({"GET", "HEAD"})
SECURE_COOKIE = "__Host-reelbus"
PLAIN_COOKIE = "reelbus"
"""On http://localhost: browsers accept the prefix `__Host-` by https alone."""
_DEFAULT_PORT = re.compile(r":(?:80|443)$")


def check_origin(headers: Headers, public_url: str) -> None:
    """Require that a page of this facade sent the request. Raises `ForeignOrigin`.

    All browsers send `Origin` with a POST. A request without it, and without `Sec-Fetch-Site`, comes from no page.
    """
    origins, site = headers.getlist("origin"), headers.get("sec-fetch-site", "").lower()
    own = {
        _DEFAULT_PORT.sub("", name.lower()) for name in (headers.get("host", ""), urlsplit(public_url).netloc) if name
    }
    is_own = all(
        urlsplit(origin).scheme in ("http", "https") and _DEFAULT_PORT.sub("", urlsplit(origin).netloc.lower()) in own
        for origin in origins
    )
    if not (origins or site) or not is_own or site not in ("", "same-origin"):
        raise ForeignOrigin("Only a page of this console may do this")


def token_of(headers: Headers) -> str:
    """Return the token of the session cookie; an empty text without one."""
    cookies = cookie_parser(headers.get("cookie", ""))
    return cookies.get(SECURE_COOKIE) or cookies.get(PLAIN_COOKIE) or ""


class ConsoleGuard:
    """Writes the visitor's `Access` into the scope, or sends the visitor to the login."""

    def __init__(self, app: ASGIApp, *, console: Console, authenticator: Authenticator) -> None:
        self._app = app
        self._console = console
        self._settings: PublisherSettings = console.settings
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, path = Headers(scope=scope), scope["path"]
        scope.update(console=self._console, access=None, caller=None, console_token=None)
        if scope["method"] not in _READS:
            check_origin(headers, self._settings.public_url)
        if path not in _PUBLIC and not path.startswith(_STATIC):
            access = await self._identify(scope, headers)
            if access is None:
                await self._ask_for_login(scope, headers)(scope, receive, send)
                return
            scope.update(access=access, caller=access.caller)
        await self._app(scope, receive, send)

    async def _identify(self, scope: Scope, headers: Headers) -> Access | None:
        """Return what the visitor may do; None without a valid session. Raises `Unauthorized`, `Forbidden`."""
        if self._authenticator.open:
            return Access()
        if "authorization" in headers:
            return await self._authenticator.access(headers)
        token = token_of(headers)
        session = await self._console.sessions.find(token)
        if session is None:
            return None
        scope["console_token"] = token
        for key in self._settings.api_keys:
            if (key.name, key.sha256) == (session.caller, session.key_sha256):
                return Access(caller=key.name, scopes=frozenset(key.scopes))
        return None

    def _ask_for_login(self, scope: Scope, headers: Headers) -> Response:
        """Send a page to the login. A stream gets 401: its page shows that the connection is lost."""
        if "text/event-stream" in headers.get("accept", "") or scope["method"] not in _READS:
            raise Unauthorized("Your session has ended; log in again")
        query = scope["query_string"].decode("ascii", "replace")
        asked = scope["path"] + (f"?{query}" if query else "")
        if headers.get("sec-fetch-site", "").lower() in ("cross-site", "same-site"):
            # `SameSite=Strict` hides the cookie from a link on another site: the page asks once more, by itself.
            return _reload()
        base = self._console.base.removesuffix(ROOT)
        return RedirectResponse(f"{base}{LOGIN}?next={quote(asked)}", status_code=303)


def _reload() -> Response:
    page = '<!doctype html><html lang="en"><meta http-equiv="refresh" content="0"><title>reelbus</title>'
    policy = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    return Response(page, media_type="text/html", headers={"Content-Security-Policy": policy})
