"""Where a viewer gets a file: a public address, or one that is signed at the moment of asking."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

from google.auth.credentials import Credentials, Scoped, Signing
from google.auth.transport.requests import Request
from google.cloud.storage import Blob, Client

from infra.gcp.gcs_settings import BucketSettings
from schemas.errors import Invalid, Unavailable

PUBLIC = "https://storage.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
"""Of the token for `signBlob`: that of the storage client may not sign."""


def public_url(client: Client, settings: BucketSettings, name: str) -> str:
    """Needs no request. On an emulator the emulator's own address, so that the file can be had."""
    base = settings.base_url or f"{client.api_endpoint or PUBLIC}/{settings.bucket}"
    return f"{base}/{quote(name)}"


class UrlSigner:
    """Signs URLs with the key of the credentials, or has Google sign for a service account.

    Google signs with the IAM API's `signBlob`. For that the credentials need the role
    `roles/iam.serviceAccountTokenCreator` on the service account, which may be their own
    (https://cloud.google.com/storage/docs/access-control/signing-urls-with-helpers).
    """

    def __init__(self, credentials: Credentials, settings: BucketSettings) -> None:
        """Raises `Invalid` for credentials that can't sign, without a request."""
        self._ttl = timedelta(seconds=settings.ttl_s)
        self._signer = settings.signer
        self._has_key = isinstance(credentials, Signing) and not self._signer
        if not (self._has_key or self._signer or getattr(credentials, "service_account_email", None)):
            raise _cannot_sign(credentials)
        self._credentials = _for_iam(credentials)

    def url(self, blob: Blob) -> str:
        """Block: without a key it takes a request, and perhaps one for a token."""
        account = {} if self._has_key else self._account()
        return str(blob.generate_signed_url(version="v4", method="GET", expiration=self._ttl, **account))

    def _account(self) -> dict[str, Any]:
        if not self._credentials.valid:
            self._credentials.refresh(Request())
        email = self._signer or self._credentials.service_account_email
        if email == "default":
            raise Unavailable("The metadata server did not name the service account that has to sign URLs")
        return {"service_account_email": email, "access_token": self._credentials.token}


def _for_iam(credentials: Any) -> Any:
    return credentials.with_scopes([_SCOPE]) if isinstance(credentials, Scoped) else credentials  # type: ignore[no-untyped-call]


def _cannot_sign(credentials: Credentials) -> Invalid:
    return Invalid(
        f"REELBUS_VIDEOS: these credentials ({type(credentials).__name__}) can't sign URLs. Use a service account, "
        "name one that may sign for them (?urls=signed&signer=NAME@PROJECT.iam.gserviceaccount.com, with the role "
        "roles/iam.serviceAccountTokenCreator on it), or leave ?urls=signed out.",
        field="REELBUS_VIDEOS",
    )
