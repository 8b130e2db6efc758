"""Completions that Pub/Sub pushes: only Pub/Sub may call, in the name of your subscription. Extra `pubsub`."""

import base64
import json
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from google.auth.exceptions import GoogleAuthError, TransportError
from google.oauth2.id_token import verify_token

from reelbus_client.completions import EventInbox
from reelbus_client.models import Completion, FilmCompletion

GOOGLE_CERTS = "https://www.googleapis.com/oauth2/v1/certs"
_ISSUERS = ("https://accounts.google.com", "accounts.google.com")
_NO_TOKEN = (GoogleAuthError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What google-auth raises for text that is no token: callers may send any text."""
_MAX_AGE = re.compile(r"max-age=([0-9]{1,7})")
_KEPT_AT_LEAST_S = 60.0
_SKEW_S = 10
"""Clocks differ a little."""


@dataclass(frozen=True, slots=True)
class _Certificates:
    """The answer of the certificate server, in the form that google-auth expects of a response."""

    status: int
    data: bytes
    expires_at: float


class PushVerifier:
    """Verifies the ID token of a push: its signature, time, issuer, audience and account.

    `audience` and `account` are those of `--push-auth-token-audience` and `--push-auth-service-account`.
    """

    def __init__(self, audience: str, account: str, *, certs_url: str = GOOGLE_CERTS) -> None:
        self._audience, self._account, self._certs_url = audience, account, certs_url
        self._certs: _Certificates | None = None
        self._lock = threading.Lock()

    def status_of(self, authorization: str) -> int:
        """Return 200 for a call of Pub/Sub for this subscription, or else the status that refuses it.

        401: no valid token. 403: the token of another account. 503: the certificates are out of reach. It blocks while
        it fetches certificates, for ten seconds at most.
        """
        scheme, _, token = authorization.partition(" ")
        try:
            fetch: Any = self._fetch
            claims: Mapping[str, Any] = verify_token(
                token, fetch, self._audience, self._certs_url, clock_skew_in_seconds=_SKEW_S
            )
        except TransportError:
            return 503
        except _NO_TOKEN:
            return 401
        if scheme.lower() != "bearer" or claims.get("iss") not in _ISSUERS:
            return 401
        return 200 if claims.get("email") == self._account and claims.get("email_verified") is True else 403

    def _fetch(self, url: str, **_: object) -> _Certificates:
        """Answer google-auth's request. The certificates are kept for as long as their server allows."""
        with self._lock:
            if self._certs and self._certs.expires_at > time.monotonic():
                return self._certs
            try:
                answer = httpx.get(url, timeout=10)
            except httpx.HTTPError:
                return _Certificates(503, b"", 0.0)  # google-auth raises its `TransportError`
            max_age = _MAX_AGE.search(answer.headers.get("cache-control", ""))
            kept_s = max(_KEPT_AT_LEAST_S, float(max_age[1]) if max_age else 0.0)
            certs = _Certificates(answer.status_code, answer.content, time.monotonic() + kept_s)
            if answer.status_code == 200:
                self._certs = certs
            return certs


class PushEndpoint:
    """What an HTTP endpoint does with a push, in any framework."""

    def __init__(self, verifier: PushVerifier, inbox: EventInbox[Completion] | EventInbox[FilmCompletion]) -> None:
        self._verifier, self._inbox = verifier, inbox

    def receive(self, authorization: str, body: bytes) -> int:
        """Return the status to answer with: 204 acks the message, and Pub/Sub sends it again after any other one."""
        status = self._verifier.status_of(authorization)
        if status != 200:
            return status
        try:
            message = json.loads(body)["message"]
            data, attributes = base64.b64decode(message.get("data", "")), dict(message.get("attributes", {}))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return 400
        return 204 if self._inbox.take(data, attributes) else 503
