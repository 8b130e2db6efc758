"""Opens the Ed25519 keys of the settings. The library is loaded only if there is one."""

from collections.abc import Sequence

from schemas.errors import Invalid
from schemas.settings import Addresses
from schemas.wire.webhook_keys import SigningKey, parse_signing_keys


def open_signing_keys(settings: Addresses) -> Sequence[SigningKey]:
    """Return the keys that sign webhooks besides the callers' secrets. Raises `Invalid` without the library."""
    seeds = parse_signing_keys(settings.webhook_secrets.get_secret_value())
    if not seeds:
        return ()
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    except ModuleNotFoundError as error:
        words = "a key whsk_… needs the package cryptography: run scripts/bootstrap gcp, or install the extra webhooks"
        raise Invalid(words, field="REELBUS_WEBHOOK_SECRETS") from error
    keys = [Ed25519PrivateKey.from_private_bytes(seed) for seed in seeds]
    return tuple(SigningKey(key.public_key().public_bytes_raw(), key.sign) for key in keys)
