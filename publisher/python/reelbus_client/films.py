"""The rules of the calls about films, without a transport.

A film is named by its `film_id` and its `revision`. So the same call finds the same film, also after a lost answer or a
crash of this process, and is sent again while a facade does not answer. No scene is paid twice.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel

from reelbus_client.errors import ReelbusError, WaitTimeout, failure_of, invalid, refusal_of
from reelbus_client.models import Charged, FilmListing, FilmPlan, FilmRequest, FilmView
from reelbus_client.requests import to_fields, to_json
from reelbus_client.steps import MARGIN_S, Answer, Call, Flow, Patience, Pause
from reelbus_client.video import ENDS, check_id

FilmFields = FilmRequest | Mapping[str, Any]
"""A storyboard: the model, or its fields by their names."""
M = TypeVar("M", bound=BaseModel)
_FILMS = "/api/films"
_GOES_ON = frozenset(("planned", "rendering", "joining"))
_LOOK_EVERY_S, _LOOK_EVERY_AT_MOST_S = 0.5, 5.0
_HELD_AT_MOST_S = 120.0
"""A worker looks at a held film once a minute."""
_ORDER_S, _OTHER_CALL_S = 285.0, 60.0
_ID_FIELD = "film_id"


@contextmanager
def film_context(film_id: str) -> Iterator[str]:
    """Check the id of a film. An error in the context names it."""
    check_id(_ID_FIELD, film_id)
    try:
        yield film_id
    except (ReelbusError, WaitTimeout) as error:
        error.film_id = film_id
        raise


class FilmFlows:
    """The calls about films to one facade. Each is a generator of steps, and returns its result."""

    def __init__(self, away_at_most_s: float) -> None:
        self._away_at_most_s = away_at_most_s

    def generate(self, storyboard: FilmFields) -> Flow[FilmView]:
        """Order the film, unless it exists, and return it when it has a file."""
        film = yield from self.order(storyboard)
        return (yield from self.wait(film.film_id, film.revision))

    def plan(self, storyboard: FilmFields) -> Flow[FilmPlan]:
        """Return the price, scene by scene. Nothing is made or written."""
        body = to_json(to_fields(storyboard))
        return _read((yield Call("POST", f"{_FILMS}/plan", body, timeout_s=_ORDER_S + MARGIN_S)), FilmPlan)

    def order(self, storyboard: FilmFields) -> Flow[FilmView]:
        """Order all new scenes, or none. Return the film at once: it goes on."""
        return (yield from self._send("POST", _FILMS, to_json(to_fields(storyboard))))

    def film(self, film_id: str) -> Flow[FilmView]:
        """Return the film with the state of each scene."""
        with film_context(film_id):
            return _read((yield Call("GET", f"{_FILMS}/{film_id}")), FilmView)

    def list(self, filters: Mapping[str, object]) -> Flow[FilmListing]:
        """Return a page of films, the newest first."""
        given = {name: value for name, value in filters.items() if value is not None}
        path = f"{_FILMS}?{urlencode(given)}" if given else _FILMS
        return _read((yield Call("GET", path, timeout_s=_OTHER_CALL_S + MARGIN_S)), FilmListing)

    def cancel(self, film_id: str) -> Flow[FilmView]:
        """Cancel the film and return it. What was sent is paid, and kept."""
        with film_context(film_id):
            return (yield from self._send("DELETE", f"{_FILMS}/{film_id}"))

    def retake(self, film_id: str, scene: str, take: int, max_cost_usd: float | None) -> Flow[FilmView]:
        """Order the next revision with another take of one scene. A repeated call pays once."""
        with film_context(film_id):
            check_id("scene", scene)
            body = to_json(to_fields({"take": take, "max_cost_usd": max_cost_usd}))
            return (yield from self._send("POST", f"{_FILMS}/{film_id}/scenes/{scene}/retake", body))

    def wait(self, film_id: str, revision: int | None) -> Flow[FilmView]:
        """Return the film when it has a file. Raises `ReelbusError` if it ends without one, or has a new revision."""
        with film_context(film_id):
            patience, held_since, pause_s = Patience(self._away_at_most_s), None, _LOOK_EVERY_S
            while True:
                film = yield from self._look(film_id, patience)
                if revision not in (None, film.revision):
                    raise _to_revised(film)
                revision = film.revision
                if film.state == "succeeded":
                    return film
                held_since = (held_since or time.monotonic()) if film.state == "held" else None
                if not _goes_on(film, time.monotonic() - held_since if held_since else 0.0):
                    raise _end_of(film)
                yield Pause(pause_s)
                pause_s = min(1.1 * pause_s, _LOOK_EVERY_AT_MOST_S)

    def download(self, film_id: str, path: Path, kind: str | None) -> Flow[Path]:
        """Store the film, or the file of this kind beside it. The file is complete, or it is not there."""
        with film_context(film_id):
            patience = Patience(self._away_at_most_s)
            while True:
                film = yield from self.wait(film_id, None)
                call = Call("GET", _address_of(film, kind), timeout_s=_OTHER_CALL_S, save_to=path)
                try:
                    answer = yield call
                    if answer.status == 200:
                        return path
                    raise _refusal(answer)
                except ReelbusError as error:
                    if not error.may_pass and error.status != 403:  # 403: the address has expired
                        raise
                    yield patience.pause(error)

    def _look(self, film_id: str, patience: Patience) -> Flow[FilmView]:
        """Return the film as soon as a facade can read it."""
        while True:
            try:
                film = yield from self.film(film_id)
            except ReelbusError as error:
                if not error.may_pass and error.status != 429:
                    raise
                yield patience.pause(error)
            else:
                patience.reset()
                return film

    def _send(self, method: str, path: str, body: bytes | None = None) -> Flow[FilmView]:
        """Send until there is an answer: a repeat of the call finds what the first one made."""
        patience, is_first = Patience(self._away_at_most_s), True
        while True:
            try:
                return _read((yield Call(method, path, body, timeout_s=_ORDER_S + MARGIN_S)), FilmView)
            except ReelbusError as error:
                if not error.may_pass or (is_first and error.is_unsent):
                    raise
                yield patience.pause(error)
            is_first = False


def _read(answer: Answer, model: type[M]) -> M:
    if answer.status in (200, 202) and isinstance(found := answer.json(), dict):
        return model.model_validate(found)
    raise _refusal(answer)


def _refusal(answer: Answer) -> ReelbusError:
    return refusal_of(answer.status, answer.reason, answer.json(), answer.retry_after_s, None)


def _goes_on(film: FilmView, held_s: float) -> bool:
    """Return whether the film goes on by itself. A held one does if a person has replayed its scenes."""
    if film.state != "held":
        return film.state in _GOES_ON
    if all(scene.state == "succeeded" for scene in film.scenes):
        return held_s < _HELD_AT_MOST_S
    return any(scene.state not in ENDS for scene in film.scenes)


def _end_of(film: FilmView) -> ReelbusError:
    """Return why the film has no file. `film` of the error has each scene: what is paid is kept."""
    words = f"film {film.film_id} is {film.state}"
    reason = film.error.model_dump() if film.error else {"category": "cancelled", "code": "cancelled", "message": words}
    error = failure_of({"error": reason, "charged": _charge_of(film)}, None)
    error.film, error.detail = film, f"{words}. {reason['message']}"
    return error


def _to_revised(film: FilmView) -> ReelbusError:
    words = f"film {film.film_id} is at revision {film.revision} already"
    reason = {"category": "conflict", "code": "id_reused", "message": words}
    error = failure_of({"error": reason, "charged": _charge_of(film)}, None)
    error.film = film
    return error


def _charge_of(film: FilmView) -> Charged:
    if any(scene.error and scene.error.charged is Charged.UNKNOWN for scene in film.scenes):
        return Charged.UNKNOWN
    return Charged.YES if film.cost_usd > 0 else Charged.NO


def _address_of(film: FilmView, kind: str | None) -> str:
    """Return where the file is. Raises `ReelbusError` for an erased film, and for a kind that it does not have."""
    if film.video_url is None:
        reason = {"category": "not_found", "code": "erased", "message": f"film {film.film_id} was erased"}
        raise failure_of({"error": reason}, None)
    if kind is None:
        return film.video_url
    for file in film.files:
        if file.kind == kind:
            return file.url
    known = ", ".join(file.kind for file in film.files) or "none"
    raise invalid("kind", f"must be a file of the film beside it: {known}")
