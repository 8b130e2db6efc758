"""The certificate of the settings: what can sign, what is refused, and what `reelbus doctor` says about it."""

import asyncio
import importlib.util
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from pydantic import ValidationError

from infra.doctor import examine
from infra.provenance.certificate import open_certificate
from infra.provenance.doctor import examine_certificate
from infra.provenance.keeper import C2paProvenance
from infra.provenance.signing import try_certificate
from schemas.errors import Invalid
from schemas.ports.findings import Verdict
from schemas.settings import Addresses
from tests.support.signing import Signer, keys, make_signer

STUDIO = make_signer()


def settings(certificate: str, key: str, **more: Any) -> Addresses:
    return Addresses.model_validate({"c2pa_certificate": certificate, "c2pa_key": key, **more})


@pytest.mark.parametrize("algorithm", ["es256", "es384", "es512", "ed25519", "ps256"])
def test_every_kind_of_key_signs(algorithm: str) -> None:
    certificate = open_certificate(make_signer(key=keys()[algorithm]).settings)
    assert certificate
    assert (certificate.algorithm, certificate.name) == (algorithm, "Example studio")
    try_certificate(certificate)


def test_without_settings_there_is_none() -> None:
    assert open_certificate(Addresses()) is None


def test_both_may_be_files_or_one_line(tmp_path: Path) -> None:
    (tmp_path / "chain.pem").write_text(STUDIO.chain)
    (tmp_path / "key.pem").write_text(STUDIO.key)
    of_files = open_certificate(settings(str(tmp_path / "chain.pem"), str(tmp_path / "key.pem")))
    of_lines = open_certificate(settings(STUDIO.chain.replace("\n", "\\n"), STUDIO.key.replace("\n", "\\n")))
    assert of_files == of_lines == open_certificate(STUDIO.settings)


def test_one_without_the_other_stops_the_start() -> None:
    with pytest.raises(ValidationError, match="REELBUS_C2PA_CERTIFICATE and REELBUS_C2PA_KEY must both be set"):
        settings("chain.pem", "")


def _small_key() -> Signer:
    return make_signer(key=rsa.generate_private_key(public_exponent=65537, key_size=1024))


def _locked_key() -> str:
    lock = serialization.BestAvailableEncryption(b"secret")
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock).decode()


@pytest.mark.parametrize(
    ("certificate", "key", "words"),
    [
        (STUDIO.chain, make_signer().key, "REELBUS_C2PA_KEY must belong to the first certificate"),
        (STUDIO.root + STUDIO.chain, STUDIO.key, "REELBUS_C2PA_KEY must belong to the first certificate"),
        (STUDIO.key, STUDIO.key, "REELBUS_C2PA_CERTIFICATE must be certificates in PEM"),
        (STUDIO.chain, STUDIO.chain, "REELBUS_C2PA_KEY must be a private key in PEM, without a passphrase"),
        (STUDIO.chain, _locked_key(), "REELBUS_C2PA_KEY must be a private key in PEM, without a passphrase"),
        (STUDIO.chain, "/nowhere/key.pem", "REELBUS_C2PA_KEY must be PEM, or the path .*: No such file"),
        (STUDIO.chain, "MIIBVQIBADANBgkqhkiG9w0BAQEFAASCAT8" * 20, "REELBUS_C2PA_KEY must be PEM, or the path"),
        (STUDIO.chain, "\0", "REELBUS_C2PA_KEY must be PEM, or the path"),
        (_small_key().chain, "", "REELBUS_C2PA_KEY must be a key of P-256"),
    ],
)
def test_what_can_t_sign_is_named(certificate: str, key: str, words: str) -> None:
    if not key:
        small = _small_key()
        certificate, key = small.chain, small.key
    with pytest.raises(Invalid, match=words) as refused:
        open_certificate(settings(certificate, key))
    assert refused.value.field in ("REELBUS_C2PA_CERTIFICATE", "REELBUS_C2PA_KEY")
    assert not any(line in str(refused.value) for line in key.splitlines() if len(line) > 20 and line != "/nowhere")


def test_no_text_of_it_has_the_key() -> None:
    secret = STUDIO.key.splitlines()[1]
    assert secret not in repr(open_certificate(STUDIO.settings)) + repr(STUDIO.settings)


def test_without_the_extra_a_certificate_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.provenance.certificate.find_spec", lambda name: None)
    assert importlib.util.find_spec("c2pa"), "the other tests need it"
    with pytest.raises(Invalid, match="needs the package c2pa-python: install the extra c2pa"):
        open_certificate(STUDIO.settings)
    assert open_certificate(Addresses()) is None, "without one nothing is missing"


async def test_a_certificate_for_web_servers_stops_a_worker_s_start() -> None:
    keeper = C2paProvenance(open_certificate(make_signer(usage=ExtendedKeyUsageOID.SERVER_AUTH).settings))
    with pytest.raises(Invalid, match="REELBUS_C2PA_CERTIFICATE can't sign manifests"):
        await keeper.check()
    await keeper.aclose()


@pytest.mark.parametrize(
    ("signer", "verdict", "words"),
    [
        (STUDIO, Verdict.OK, "signs manifests until "),
        (make_signer(days=10), Verdict.NOTE, "the certificate expires on "),
        (make_signer(days=-1), Verdict.WRONG, "the certificate expired on "),
        (make_signer(usage=ExtendedKeyUsageOID.SERVER_AUTH), Verdict.WRONG, "the certificate can't sign manifests: "),
        (Signer(STUDIO.chain, "/nowhere", ""), Verdict.WRONG, "REELBUS_C2PA_KEY must be PEM"),
    ],
)
def test_doctor_says_until_when_it_signs(signer: Signer, verdict: Verdict, words: str) -> None:
    (found,) = examine_certificate(signer.settings)
    assert (found.kind, found.verdict) == ("provenance", verdict)
    assert found.words.startswith(words)
    assert bool(found.remedy) == (verdict is not Verdict.OK)


def test_doctor_looks_at_it_only_if_there_is_one(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with_it = asyncio.run(examine(settings(STUDIO.chain, STUDIO.key, data_dir=folder), ["worker"]))
    without = asyncio.run(examine(Addresses(data_dir=folder), ["worker"]))
    assert {finding.kind for finding in with_it} - {finding.kind for finding in without} == {"provenance"}
