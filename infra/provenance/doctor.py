"""Looks at the certificate that signs manifests, for `reelbus doctor`."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from infra.look import one_line
from infra.provenance.certificate import CERTIFICATE, open_certificate
from schemas.errors import Invalid
from schemas.ports.findings import Finding
from schemas.settings import Addresses

SOON = timedelta(days=30)
_RENEW = "renew it, and restart the workers: without it cut and joined videos lose their manifests"


def examine_certificate(settings: Addresses) -> Iterator[Finding]:
    """Look if the certificate can sign, and until when."""
    try:
        certificate = open_certificate(settings)
    except Invalid as error:
        setting = error.field or CERTIFICATE
        yield Finding.wrong("provenance", "", str(error), f"correct {setting}, see docs/provenance.md")
        return
    if certificate is None:
        return
    left = certificate.expires_at - datetime.now(UTC)
    name, until = certificate.name, f"{certificate.expires_at:%Y-%m-%d}"
    if left <= timedelta(0):
        yield Finding.wrong("provenance", name, f"the certificate expired on {until}", _RENEW)
        return
    from infra.provenance.signing import try_certificate

    try:
        try_certificate(certificate)
    except Exception as error:  # noqa: BLE001 - the library raises its own kinds
        words = f"the certificate can't sign manifests: {one_line(error)}"
        yield Finding.wrong("provenance", name, words, "docs/provenance.md says which certificates can")
        return
    if left < SOON:
        yield Finding.note("provenance", name, f"the certificate expires on {until}", _RENEW)
    else:
        yield Finding.ok("provenance", name, f"signs manifests until {until}")
