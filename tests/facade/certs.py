"""A signer of ID tokens in the place of Google, and a local server for its certificate."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import crypt, jwt

AUDIENCE = "https://videos.example.com"
EMAIL = "robot@project.iam.gserviceaccount.com"


@dataclass(frozen=True, slots=True)
class Signer:
    """A key that signs tokens, with its certificate."""

    kid: str
    key: rsa.RSAPrivateKey

    @property
    def certificate(self) -> str:
        """Of its public key, as Google publishes them."""
        name, now = x509.Name([]), datetime.now(UTC)
        made = x509.CertificateBuilder(name, name, self.key.public_key(), 1, now, now + timedelta(days=1))
        return made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def token(self, **changes: Any) -> str:
        """A valid token, but for the changes; None takes a claim away."""
        now = int(time.time())
        claims = {"iss": "https://accounts.google.com", "aud": AUDIENCE, "sub": "1", "iat": now, "exp": now + 3600}
        claims |= {"email": EMAIL, "email_verified": True, **changes}
        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        signer = crypt.RSASigner.from_string(pem, self.kid)  # type: ignore[no-untyped-call, unused-ignore]
        kept = {name: value for name, value in claims.items() if value is not None}
        return str(jwt.encode(signer, kept).decode())  # type: ignore[no-untyped-call, unused-ignore]


@dataclass
class CertServer:
    """Hands certificates out, and counts how often."""

    url: str = ""
    signers: list[Signer] = field(default_factory=list)
    asked: int = 0
    broken: bool = False

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        body = json.dumps({signer.kid: signer.certificate for signer in self.signers}).encode()
        status = b"500 Broken" if self.broken else b"200 OK"
        head = b"HTTP/1.1 %s\r\nCache-Control: public, max-age=3600\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % (status, len(body)) + body)
        await writer.drain()
        writer.close()


def a_signer(kid: str) -> Signer:
    return Signer(kid, rsa.generate_private_key(65537, 2048))


@pytest.fixture(scope="module")
def google() -> Signer:
    return a_signer("today")


@pytest.fixture
async def certs(google: Signer) -> AsyncIterator[CertServer]:
    certs = CertServer(signers=[google])
    async with await asyncio.start_server(certs.answer, "127.0.0.1", 0) as server:
        certs.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/certs"
        yield certs
