"""Login and logout: the API key is posted once, and the answer is a session cookie."""

import ipaddress
import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response

from publisher.console.forms import read_form
from publisher.console.guard import PLAIN_COOKIE, ROOT, SECURE_COOKIE, token_of
from publisher.console.rendering import console_of, render
from publisher.console.sessions import LASTS
from publisher.facade.call import Call
from publisher.settings import find_key

_NEXT = re.compile(rf"{ROOT}(?:[/?][\x21-\x7e]*)?")


async def show_login(call: Call) -> Response:
    """Ask for the key. A facade without keys has no login."""
    console = console_of(call)
    if not console.settings.knows_callers:
        return RedirectResponse(console.url(""), status_code=303)
    return await _render_login(call, next_path=call.query_params.get("next", ""))


async def log_in(call: Call) -> Response:
    """Check the key, and answer with the cookie of a new session. Raises `Unavailable`."""
    console, form = console_of(call), await read_form(call)
    next_path = form.text("next")
    if not _is_protected(call):
        return await _render_login(call, next_path=next_path, status=403)
    key = find_key(form.text("key"), console.settings.api_keys)
    if key is None:
        error = "This key is unknown. It begins with rb_, and `reelbus key new` shows it once."
        return await _render_login(call, next_path=next_path, error=error, status=403)
    token = await console.sessions.create(key.name, key.sha256)
    to = next_path if _NEXT.fullmatch(next_path) else ROOT
    response = RedirectResponse(console.base.removesuffix(ROOT) + to, status_code=303)
    is_secure = _is_https(call)
    response.set_cookie(
        SECURE_COOKIE if is_secure else PLAIN_COOKIE,
        token,
        max_age=int(LASTS.total_seconds()),
        path="/",
        secure=is_secure,
        httponly=True,
        samesite="strict",
    )
    return response


async def log_out(call: Call) -> Response:
    """End the session at all facades, and remove the cookie. Raises `Unavailable`."""
    console = console_of(call)
    await console.sessions.end(token_of(call.headers))
    response = RedirectResponse(console.url("/login"), status_code=303)
    response.delete_cookie(SECURE_COOKIE, path="/", secure=True, httponly=True, samesite="strict")
    response.delete_cookie(PLAIN_COOKIE, path="/", httponly=True, samesite="strict")
    return response


async def _render_login(call: Call, *, next_path: str, error: str = "", status: int = 200) -> Response:
    return await render(
        call,
        "login.html",
        status=status,
        next_path=next_path,
        error=error,
        is_protected=_is_protected(call),
        takes_keys=bool(console_of(call).settings.api_keys),
    )


def _is_https(call: Call) -> bool:
    """Return whether the browser reached the facade by https. Browsers send `Origin` with each POST."""
    headers: Headers = call.headers
    schemes = {urlsplit(headers.get("origin", "")).scheme, headers.get("x-forwarded-proto", "").lower()}
    return "https" in schemes or console_of(call).settings.public_url.lower().startswith("https:")


def _is_protected(call: Call) -> bool:
    """Return whether a key that is posted here crosses no network in the clear.

    Browsers send `Sec-Fetch-Site` by https and on this machine alone.
    """
    host = urlsplit(f"//{call.headers.get('host', '')}").hostname or ""
    try:
        is_local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name is not resolved: the caller chose it
        is_local = False
    return is_local or _is_https(call) or "sec-fetch-site" in call.headers
