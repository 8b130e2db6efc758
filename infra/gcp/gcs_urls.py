"""Where a viewer gets a file: a public address, or one that is signed at the moment of asking."""

from datetime import timedelta
from urllib.parse import quote

from google.auth.credentials import Signing
from google.auth.transport.requests import Request
from google.cloud.storage import Blob, Client

from infra.gcp.gcs_settings import BucketSettings

PUBLIC = "https://storage.googleapis.com"


def public_url(client: Client, settings: BucketSettings, name: str) -> str:
    """Needs no request. On an emulator the emulator's own address, so that the file can be had."""
    base = settings.base_url or f"{client.api_endpoint or PUBLIC}/{settings.bucket}"
    return f"{base}/{quote(name)}"


def signed_url(blob: Blob, settings: BucketSettings) -> str:
    """Blocks where the credentials hold no key of their own: then Google signs, which takes a request.

    For that the service account needs the role `roles/iam.serviceAccountTokenCreator` on itself
    (https://cloud.google.com/storage/docs/access-control/signing-urls-with-helpers).
    """
    return str(
        blob.generate_signed_url(
            version="v4", method="GET", expiration=timedelta(seconds=settings.ttl_s), **_signer(blob.client)
        )
    )


def _signer(client: Client) -> dict[str, str]:
    credentials = client._credentials  # the one place where the client says who it is
    if isinstance(credentials, Signing):
        return {}
    credentials.refresh(Request())
    return {"service_account_email": credentials.service_account_email, "access_token": credentials.token}
