"""The certificate and the key of the settings, with which manifests are signed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.errors import Invalid
from schemas.settings import Addresses

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

CERTIFICATE, KEY = "REELBUS_C2PA_CERTIFICATE", "REELBUS_C2PA_KEY"
_BEGIN = "-----BEGIN "
_BYTES_AT_MOST = 1_000_000
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


@dataclass(frozen=True, kw_only=True, slots=True)
class SigningCertificate:
    """A certificate chain, the signer's certificate first, and its private key."""

    chain: str
    key: str = field(repr=False)
    algorithm: str
    """As C2PA calls it: es256, es384, es512, ed25519 or ps256."""
    name: str
    """The common name of the signer, for the operator."""
    expires_at: datetime


def open_certificate(settings: Addresses) -> SigningCertificate | None:
    """Return the certificate of the settings; None if there is none. Reads files. Raises `Invalid`."""
    if not settings.c2pa_certificate:
        return None
    if find_spec("c2pa") is None:
        words = f"{CERTIFICATE} needs the package c2pa-python: install the extra c2pa"
        raise Invalid(words, field=CERTIFICATE)
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    chain = _read(settings.c2pa_certificate, CERTIFICATE)
    key_pem = _read(settings.c2pa_key.get_secret_value(), KEY)
    try:
        certificates: Sequence[Certificate] = x509.load_pem_x509_certificates(chain.encode())
    except ValueError:
        raise Invalid(f"{CERTIFICATE} must be certificates in PEM", field=CERTIFICATE) from None
    try:
        key: Any = load_pem_private_key(key_pem.encode(), password=None)
    except Exception:  # noqa: BLE001 - the library raises several kinds; their words may quote the key
        raise Invalid(f"{KEY} must be a private key in PEM, without a passphrase", field=KEY) from None
    spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if certificates[0].public_key().public_bytes(*spki) != key.public_key().public_bytes(*spki):
        words = f"{KEY} must belong to the first certificate of {CERTIFICATE}, which is the signer's"
        raise Invalid(words, field=KEY)
    names = certificates[0].subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return SigningCertificate(
        chain=chain,
        key=key_pem,
        algorithm=_algorithm_of(key),
        name=str(names[0].value) if names else "",
        expires_at=certificates[0].not_valid_after_utc,
    )


def _read(text: str, setting: str) -> str:
    """Return PEM text: a value that is no PEM is the path of a file. No error quotes the value, which may be a key."""
    if _BEGIN in text:
        return text.replace("\\n", "\n")  # where a variable can't have several lines
    try:
        with Path(text).expanduser().open("rb") as file:
            content = file.read(_BYTES_AT_MOST).decode()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        words = f"{setting} must be PEM, or the path of a file with it that can be read: {reason}"
        raise Invalid(words, field=setting) from None
    return content


def _algorithm_of(key: Any) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        return "ps256"
    words = f"{KEY} must be a key of P-256, P-384, P-521, Ed25519, or RSA with at least 2048 bits"
    raise Invalid(words, field=KEY)
