"""Ed25519 keys of an installation, by Standard Webhooks 1.0.0 (`v1a`): receivers verify with a public key alone."""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

PRIVATE_PREFIX, _PUBLIC_PREFIX = "whsk_", "whpk_"
_SEED_BYTES = 32
_EXPANDED_BYTES = 64
"""libsodium's form of a private key: the seed, and the public key after it."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs: its public half, and the function that returns the signature of a content."""

    public: bytes
    sign: Callable[[bytes], bytes]


def parse_signing_keys(text: str) -> tuple[bytes, ...]:
    """Return the seeds of the private keys in a setting, with commas between its parts. Raises `ValueError`."""
    found = []
    for part in filter(None, map(str.strip, text.split(","))):
        if not part.startswith(PRIVATE_PREFIX):
            continue
        try:
            key = base64.b64decode(part.removeprefix(PRIVATE_PREFIX), validate=True)
        except binascii.Error:
            key = b""
        if len(key) not in (_SEED_BYTES, _EXPANDED_BYTES):
            raise ValueError("whsk_ must be followed by base64 of the 32 bytes of an Ed25519 key")
        found.append(key[:_SEED_BYTES])
    return tuple(found)


def show_public_key(public: bytes) -> str:
    """Return a public key as receivers take it: `whpk_` and base64."""
    return _PUBLIC_PREFIX + base64.b64encode(public).decode()


def jwk_of(public: bytes) -> dict[str, str]:
    """Return a public key as JSON Web Key (RFC 8037). Its `kid` is its thumbprint (RFC 7638)."""
    key = {"crv": "Ed25519", "kty": "OKP", "x": _to_base64url(public)}
    thumbprint = hashlib.sha256(json.dumps(key, separators=(",", ":"), sort_keys=True).encode()).digest()
    return {**key, "alg": "EdDSA", "use": "sig", "kid": _to_base64url(thumbprint)}


def _to_base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
