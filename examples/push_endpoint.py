"""Takes completions that Pub/Sub pushes, and nobody else's: every call shows a Google ID token, which is verified.

export PUSH_AUDIENCE=https://my-team.example.com PUSH_ACCOUNT=pusher@my-project.iam.gserviceaccount.com
uvicorn --app-dir examples push_endpoint:app --host 0.0.0.0 --port 8080        # in .venv, after: scripts/bootstrap gcp
"""

import asyncio
import base64
import json
import os
import time
from typing import Any

from google.auth.exceptions import GoogleAuthError, TransportError
from google.auth.transport.requests import Request as Transport
from google.oauth2.id_token import verify_token
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.wire.completion import Completion
from subscriber.consumer import Inbox

AUDIENCE = os.environ["PUSH_AUDIENCE"]  # as in --push-auth-token-audience
ACCOUNT = os.environ["PUSH_ACCOUNT"]  # as in --push-auth-service-account
CERTS = os.environ.get("PUSH_CERTS_URL", "https://www.googleapis.com/oauth2/v1/certs")
ISSUERS = {"https://accounts.google.com", "accounts.google.com"}
NO_TOKEN = (GoogleAuthError, ValueError, KeyError, TypeError, AttributeError, RecursionError)


def handle(completion: Completion) -> None:
    """What this team does with a completion. It raises where it did not succeed: the message comes again then."""
    print(f"{completion.job_id} {completion.state}: {completion.video_url}", flush=True)


class Certificates(Transport):
    """Google's, fetched once an hour and not for every message."""

    kept: tuple[Any, float] = None, -1.0

    def __call__(self, *args: Any, **options: Any) -> Any:
        answer, until = self.kept
        if time.monotonic() > until:
            answer = super().__call__(*args, **options)  # type: ignore[no-untyped-call]
            if answer.status == 200:
                self.kept = answer, time.monotonic() + 3600
        return answer


def verdict(authorization: str) -> int:
    """200 for a call of Pub/Sub in our subscription's name, else the status that refuses it."""
    scheme, _, token = authorization.partition(" ")
    try:
        claims = verify_token(token, certificates, AUDIENCE, CERTS, clock_skew_in_seconds=10)
    except TransportError:
        return 503  # the certificates are out of reach
    except NO_TOKEN:
        return 401  # signed by or for somebody else, too old, or no token at all
    if scheme.lower() != "bearer" or claims.get("iss") not in ISSUERS:
        return 401
    return 200 if claims.get("email") == ACCOUNT and claims.get("email_verified") is True else 403


async def push(request: Request) -> Response:
    """204 acknowledges the message; with anything else Pub/Sub sends it again."""
    status = await asyncio.to_thread(verdict, request.headers.get("authorization", ""))
    if status != 200:
        return Response(status_code=status)
    try:
        message = json.loads(await request.body())["message"]
        data, attributes = base64.b64decode(message.get("data", "")), dict(message.get("attributes", {}))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Response("this is no message of Pub/Sub", status_code=400)
    return Response(status_code=204 if await asyncio.to_thread(inbox.take, data, attributes) else 503)


certificates, inbox = Certificates(), Inbox(handle)  # Inbox(handle, seen) with a memory that your instances share
app = Starlette(routes=[Route("/", push, methods=["POST"])])
