"""Sessions of the console: a random token in a cookie, and a file of the video store that says whose it is.

The video store is shared by all facades and outlives them, so a session holds at each facade and after a restart. A
signed cookie would need a secret that all facades share, and could not be ended before it expires. The name of the file
is the SHA-256 of the token: a person who lists the store can't use a session.
"""

import hashlib
import logging
import re
import secrets
from datetime import timedelta

from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.errors import NotFound, ReelbusError
from schemas.ports import Clock, VideoStore
from schemas.services.stored_file import read_stored_file
from schemas.wire.types import Moment

logger = logging.getLogger(__name__)
PREFIX = "console-sessions/"
LASTS = timedelta(hours=12)
_KNOWN_S = 30.0
"""How long a process relies on its last read: a session that ended at another facade is used no longer than that."""
_KNOWN_AT_MOST = 10_000
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


class Session(BaseModel):
    """Whose session it is. The key's digest ends it when the key is taken out of the settings."""

    model_config = ConfigDict(frozen=True)

    caller: str
    key_sha256: str
    expires_at: Moment


class Sessions:
    """The sessions of all facades on one video store."""

    def __init__(self, videos: VideoStore, clock: Clock) -> None:
        self._videos = videos
        self._clock = clock
        self._known: dict[str, tuple[float, Session]] = {}

    async def create(self, caller: str, key_sha256: str) -> str:
        """Store a session of 12 h, and return its token. Raises `Unavailable`."""
        await self._sweep()
        token = secrets.token_urlsafe(32)
        session = Session(caller=caller, key_sha256=key_sha256, expires_at=self._clock.now() + LASTS)
        body = session.model_dump_json().encode()
        await self._videos.put(_name_of(token), body, content_type="application/json")
        return token

    async def find(self, token: str) -> Session | None:
        """Return the session; None if it is unknown or has expired. Raises `Unavailable`."""
        if not _TOKEN.fullmatch(token):
            return None
        name, now = _name_of(token), self._clock.boot()
        known = self._known.get(name)
        if known is None or now - known[0] >= _KNOWN_S:
            session = await self._read(name)
            if session is None:
                self._known.pop(name, None)
                return None
            if len(self._known) >= _KNOWN_AT_MOST:
                self._known.clear()
            known = self._known[name] = (now, session)
        return known[1] if known[1].expires_at > self._clock.now() else None

    async def end(self, token: str) -> None:
        """Delete the session, if it exists. Raises `Unavailable`."""
        if _TOKEN.fullmatch(token):
            self._known.pop(_name_of(token), None)
            await self._videos.delete(_name_of(token))

    async def _read(self, name: str) -> Session | None:
        try:
            return Session.model_validate_json(await read_stored_file(self._videos, name))
        except (NotFound, ValidationError):
            return None

    async def _sweep(self) -> None:
        """Delete the files of expired sessions. A file that can't be deleted now is deleted at a later login."""
        try:
            for file in await self._videos.list(PREFIX):
                if file.stored_at + LASTS < self._clock.now():
                    await self._videos.delete(file.name)
        except ReelbusError as error:
            logger.info("old sessions stay", extra={"action": "console_unswept", "reason": str(error)})


def _name_of(token: str) -> str:
    return f"{PREFIX}{hashlib.sha256(token.encode()).hexdigest()}.json"
