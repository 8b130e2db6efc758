"""The console as an ASGI application of its own, with its routes, its guard and its error pages."""

import logging
from typing import Any

from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from publisher.console import (
    actions,
    ask,
    film,
    film_actions,
    films,
    job,
    jobs,
    login,
    operator,
    spend,
    storyboard,
    webhooks,
)
from publisher.console.guard import ROOT, ConsoleGuard
from publisher.console.rendering import Console, console_of, render, to_sentence
from publisher.console.sessions import Sessions
from publisher.console.watched_lists import WatchedLists
from publisher.facade.call import Call, State
from publisher.facade.errors import GONE, ErrorBody, error_response, note_refusal
from publisher.facade.middleware import public_path, redact_path, traceparent_of
from publisher.facade.request_body import BodyLimit
from publisher.facade.request_headers import DELIVERY_ID, ENDPOINT, FILM_ID, LETTER_ID, SCENE_NAME, VIDEO_ID, ExactRoute
from schemas.errors import ReelbusError

logger = logging.getLogger(__name__)
_JOB = f"{ROOT}/jobs/{VIDEO_ID}"
_FILM = f"{ROOT}/films/{FILM_ID}"
_SCENE = f"{_FILM}/scenes/{SCENE_NAME}"
_LETTER = f"{ROOT}/dead-letters/{LETTER_ID}"


async def _static(call: Call) -> Response:
    return console_of(call).assets.response(call.path_params["name"])


ROUTES = [
    ExactRoute(ROOT, jobs.home),
    ExactRoute(f"{ROOT}/static/{{name}}", _static),
    ExactRoute(f"{ROOT}/login", login.show_login),
    ExactRoute(f"{ROOT}/login", login.log_in, methods=["POST"]),
    ExactRoute(f"{ROOT}/logout", login.log_out, methods=["POST"]),
    ExactRoute(f"{ROOT}/new", ask.show_form),
    ExactRoute(f"{ROOT}/new", ask.send_form, methods=["POST"]),
    ExactRoute(f"{ROOT}/plan", ask.plan_form, methods=["POST"]),
    ExactRoute(f"{ROOT}/jobs", jobs.show_jobs),
    ExactRoute(f"{ROOT}/live", jobs.stream_jobs),
    ExactRoute(_JOB, job.show_job),
    ExactRoute(f"{_JOB}/live", job.stream_job),
    ExactRoute(f"{_JOB}/cancel", actions.cancel_job, methods=["POST"]),
    ExactRoute(f"{_JOB}/replay", actions.show_replay),
    ExactRoute(f"{_JOB}/replay", actions.replay_job, methods=["POST"]),
    ExactRoute(f"{_JOB}/resolve", actions.show_resolve),
    ExactRoute(f"{_JOB}/resolve", actions.resolve_job, methods=["POST"]),
    ExactRoute(f"{_JOB}/erase", actions.show_erase),
    ExactRoute(f"{_JOB}/erase", actions.erase_job, methods=["POST"]),
    ExactRoute(f"{ROOT}/films", films.show_films),
    ExactRoute(f"{ROOT}/all-films/live", films.stream_films),
    ExactRoute(f"{ROOT}/new-film", storyboard.show_form),
    ExactRoute(f"{ROOT}/new-film", storyboard.send_form, methods=["POST"]),
    ExactRoute(_FILM, film.show_film),
    ExactRoute(f"{_FILM}/live", film.stream_film),
    ExactRoute(f"{_FILM}/cancel", film_actions.cancel, methods=["POST"]),
    ExactRoute(f"{_FILM}/erase", film_actions.show_erase),
    ExactRoute(f"{_FILM}/erase", film_actions.erase, methods=["POST"]),
    ExactRoute(f"{_SCENE}/retake", film_actions.show_retake),
    ExactRoute(f"{_SCENE}/retake", film_actions.retake, methods=["POST"]),
    ExactRoute(f"{_SCENE}/drop", film_actions.show_drop),
    ExactRoute(f"{_SCENE}/drop", film_actions.drop, methods=["POST"]),
    ExactRoute(f"{ROOT}/spend", spend.show_spend),
    ExactRoute(f"{ROOT}/spend.csv", spend.download_spend),
    ExactRoute(f"{ROOT}/trouble", operator.show_trouble),
    ExactRoute(_LETTER, operator.show_letter),
    ExactRoute(f"{_LETTER}/replay", operator.replay_letter, methods=["POST"]),
    ExactRoute(f"{_LETTER}/drop", operator.drop_letter, methods=["POST"]),
    ExactRoute(f"{ROOT}/health", operator.show_health),
    ExactRoute(f"{ROOT}/webhooks", webhooks.show_deliveries),
    ExactRoute(f"{ROOT}/webhooks/endpoints/{ENDPOINT}/enable", webhooks.enable, methods=["POST"]),
    ExactRoute(f"{ROOT}/webhooks/{DELIVERY_ID}/replay", webhooks.replay_webhook, methods=["POST"]),
]


class ConsoleMiddleware:
    """Hands what is below `/console` to the console, before the API asks for a key in the head of the request."""

    def __init__(self, app: ASGIApp, *, console: ASGIApp) -> None:
        self._app = app
        self._console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_ours = scope["type"] == "http" and (scope["path"] == ROOT or scope["path"].startswith(f"{ROOT}/"))
        await (self._console if is_ours else self._app)(scope, receive, send)


def build_console(state: State) -> ASGIApp:
    """Return the console over the open state of a facade."""
    settings, ctx = state["settings"], state["ctx"]
    lists = WatchedLists(ctx, look_every_s=settings.events_look_every_s)
    console = Console(settings, public_path(settings) + ROOT, Sessions(ctx.videos, ctx.clock), lists)
    router = Router(ROUTES, redirect_slashes=False, default=_not_found)
    guard = ConsoleGuard(router, console=console, authenticator=state["authenticator"])
    limited = BodyLimit(guard, limit_bytes=settings.body_limit_bytes)
    handlers: dict[Any, Any] = dict.fromkeys((HTTPException, ClientDisconnect, Exception), _on_error)
    return _WithConsole(ExceptionMiddleware(limited, handlers=handlers), console)


class _WithConsole:
    """Names the console in the scope, so that the page of an error that comes before the guard can be rendered too."""

    def __init__(self, app: ASGIApp, console: Console) -> None:
        self._app = app
        self._console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.update(console=self._console, access=None, caller=None, console_token=None)
        await self._app(scope, receive, send)


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    raise HTTPException(404)


_TITLES = {
    400: "That did not work",
    401: "Log in first",
    403: "Not allowed",
    404: "Not found",
    405: "Not here",
    409: "It has changed",
}


async def _on_error(call: Request[Any], error: Exception) -> Response:
    """Answer any error with a page: htmx shows the answers with 4xx and 5xx too."""
    if isinstance(error, ClientDisconnect):
        return Response(status_code=GONE)
    if not isinstance(error, HTTPException | ReelbusError):
        logger.error("request failed", exc_info=error, extra={"action": "http_broke", "path": redact_path(call.scope)})
    note_refusal(call.scope, error)
    answer = error_response(error)
    page = await render(
        call,
        "error.html",
        status=answer.status_code,
        title=_TITLES.get(answer.status_code, "Something went wrong"),
        words=to_sentence(ErrorBody.model_validate_json(bytes(answer.body)).error.message),
        request_id=traceparent_of(call)[3:35],
    )
    if retry_after := answer.headers.get("retry-after"):
        page.headers["Retry-After"] = retry_after
    return page
