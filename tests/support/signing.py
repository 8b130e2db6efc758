"""Certificates that sign manifests (C2PA), and videos with the manifest of a model, made for one test run."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from schemas.settings import Addresses
from tests.unit.media_clips import Film

GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
PARTLY_GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
OFFLINE = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
_PEM = serialization.Encoding.PEM


@dataclass(frozen=True)
class Signer:
    """A certificate chain, its key and its root, in PEM."""

    chain: str
    key: str
    root: str

    @property
    def settings(self) -> Addresses:
        return Addresses.model_validate({"c2pa_certificate": self.chain, "c2pa_key": self.key})


def make_signer(*, key: Any = None, days: float = 90, usage: Any = ExtendedKeyUsageOID.EMAIL_PROTECTION) -> Signer:
    """A certificate of its own root, as C2PA wants it; with fewer `days` than 0 it has expired."""
    root_key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    key = key or ec.generate_private_key(ec.SECP256R1())
    root = _build("root", root_key.public_key(), root_key, (now - timedelta(days=400), now + timedelta(days=400)), None)
    begins = now - timedelta(days=100)
    leaf = _build("Example studio", key.public_key(), root_key, (begins, now + timedelta(days=days)), usage)
    private = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Signer(leaf + root, private.decode(), root)


def _build(name: str, key: Any, issuer_key: Any, valid: tuple[datetime, datetime], usage: Any) -> str:
    is_root = usage is None
    builder = x509.CertificateBuilder(_name("root"), _name(name), key, x509.random_serial_number(), *valid)
    builder = builder.add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
    uses = {
        "digital_signature": not is_root,
        "key_cert_sign": is_root,
        "crl_sign": is_root,
        **dict.fromkeys(["content_commitment", "key_encipherment", "data_encipherment", "key_agreement"], False),
    }
    key_usage = x509.KeyUsage(**uses, encipher_only=False, decipher_only=False)
    builder = builder.add_extension(key_usage, critical=True)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    builder = builder.add_extension(issuer, critical=False)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(_PEM).decode()


def _name(name: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )


def keys() -> dict[str, Any]:
    """A key of each kind that C2PA knows, by its name there."""
    curves = {"es256": ec.SECP256R1(), "es384": ec.SECP384R1(), "es512": ec.SECP521R1()}
    found: dict[str, Any] = {name: ec.generate_private_key(curve) for name, curve in curves.items()}
    return {
        **found,
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
        "ps256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    }


def write_signed(path: Path, signer: Signer, *, source_type: str = GENERATED, **film: Any) -> Path:
    """Write a video with the manifest of a model, as Google's have one."""
    plain = Film(**{"container": {"movflags": "+faststart"}, **film}).write(path.with_suffix(".plain.mp4"))
    action = {"action": "c2pa.created", "digitalSourceType": source_type}
    definition = {
        "claim_generator_info": [{"name": "model"}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}],
    }
    info = c2pa.C2paSignerInfo("es256", signer.chain.encode(), signer.key.encode(), None)
    with (
        c2pa.Context.from_dict(OFFLINE) as context,
        c2pa.Builder(definition, context) as builder,
        c2pa.Signer.from_info(info) as signing,
        plain.open("rb") as source,
        path.open("w+b") as target,
    ):
        builder.sign(signing, "video/mp4", source, target)
    plain.unlink()
    return path


@dataclass(frozen=True)
class Shown:
    """What a reader of manifests says about a file."""

    state: str
    ingredients: list[dict[str, Any]]
    actions: list[dict[str, Any]]
    generator: dict[str, Any]
    count: int
    """How many manifests the file has, with those of its sources."""
    text: str

    @property
    def done(self) -> list[str]:
        return [action["action"] for action in self.actions]


def read_manifest(path: Path, *signers: Signer) -> Shown:
    """Read the active manifest, by someone who trusts the roots of these signers."""
    trust = {"trust": {"user_anchors": "".join(signer.root for signer in signers)}} if signers else {}
    with (
        c2pa.Context.from_dict({**OFFLINE, **trust}) as context,
        path.open("rb") as file,
        c2pa.Reader("video/mp4", file, context=context) as reader,
    ):
        state, found = reader.get_validation_state(), json.loads(reader.json())
    active = found["manifests"][found["active_manifest"]]
    (actions,) = [each["data"]["actions"] for each in active["assertions"] if each["label"] == "c2pa.actions.v2"]
    return Shown(
        state=str(state),
        ingredients=active.get("ingredients", []),
        actions=actions,
        generator=active["claim_generator_info"][0],
        count=len(found["manifests"]),
        text=json.dumps(found),
    )
