"""The ends of films as a subscriber of the topic `film-completions` gets them."""

import hashlib
from collections.abc import Mapping

from pydantic import ValidationError

from reelbus_client.completions import EventInbox, UnknownMessage
from reelbus_client.errors import invalid
from reelbus_client.models import FilmCompletion

_TYPES = frozenset(f"reelbus.film.{state}.v1" for state in ("succeeded", "held", "failed", "cancelled"))


def decode_film_completion(data: bytes | str, attributes: Mapping[str, str] | None = None) -> FilmCompletion:
    """Return the end of a film in a message of `film-completions`, or in `data` of a webhook.

    Raises `UnknownMessage`, and `ReelbusError` for a broken message.
    """
    kind = (attributes or {}).get("ce-type", "")
    if kind and kind not in _TYPES:
        raise UnknownMessage(f"ce-type {kind[:80]!r} is not known to this version")
    try:
        completion = FilmCompletion.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        raise invalid(".".join(map(str, first["loc"])), f"can't be read: {first['msg']}") from error
    if completion.state == "succeeded" and not completion.gcs_path and not completion.erased_at:
        raise invalid("gcs_path", "is required in a succeeded completion")
    return completion


class FilmInbox(EventInbox[FilmCompletion]):
    """Hands each end of a film to `handle`, as `Inbox` does for videos. A film that is held again ends again."""

    def _decode(self, data: bytes, attributes: Mapping[str, str]) -> FilmCompletion:
        return decode_film_completion(data, attributes)

    def _id_of(self, event: FilmCompletion) -> str:
        """Return an id of the contents: a film may be held several times, and only the message's id counts them."""
        words = hashlib.sha256(event.model_dump_json().encode()).hexdigest()[:16]
        return f"{event.film_id}.{event.revision}.film.{event.state}.{words}"
