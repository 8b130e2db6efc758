"""The `Provenance` of local files by C2PA. The library runs in a child process, since manifests may be hostile."""

import asyncio
import filecmp
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from infra.media.limited import CallFailed, LimitedProcesses
from infra.provenance.certificate import CERTIFICATE, SigningCertificate
from infra.provenance.manifest import has_manifest
from schemas.errors import Invalid
from schemas.ports import NotSigned, SourcePart

_SIGNING = "infra.provenance.signing"
SIGN_WITHIN_S = 300.0
"""Every source is read and hashed: a gigabyte takes some seconds."""
_TRY_WITHIN_S = 60.0


class C2paProvenance:
    """Signs with the certificate of the settings. Without one it only says what was lost.

    The child is started at the first call, and kept: its imports cost ten times as much as a signature.
    """

    def __init__(self, certificate: SigningCertificate | None) -> None:
        self._certificate = certificate
        self._children = LimitedProcesses(1)

    async def check(self) -> None:
        """Sign something of our own. Raises `Invalid` for a certificate that can't sign manifests.

        A certificate that has expired is no error here: videos are made without manifests, and say so.
        """
        if self._certificate is None or self._certificate.expires_at <= datetime.now(UTC):
            return
        try:
            await self._children.run(_SIGNING, "try_certificate", self._certificate, within_s=_TRY_WITHIN_S)
        except CallFailed as error:
            words = f"{CERTIFICATE} can't sign manifests: {error}; docs/provenance.md says which certificates can"
            raise Invalid(words, field=CERTIFICATE) from error

    async def sign(self, made: Path, parts: Sequence[SourcePart], *, is_composite: bool, adds_more: bool) -> None:
        if not await asyncio.to_thread(_has_lost_manifest, made, {part.file for part in parts}):
            return
        if self._certificate is None:
            raise NotSigned(f"{CERTIFICATE} is not set")
        signed = made.with_name(f"{made.name}.signed")
        arguments = (made, list(parts), signed, self._certificate, version("reelbus"), is_composite, adds_more)
        try:
            await self._children.run(_SIGNING, "sign", *arguments, within_s=SIGN_WITHIN_S)
            os.replace(signed, made)
        except CallFailed as error:
            raise NotSigned(str(error)) from error
        finally:
            signed.unlink(missing_ok=True)

    async def is_kept(self, made: Path, sources: Sequence[Path]) -> bool | None:
        if not await asyncio.to_thread(_has_any_manifest, sources):
            return None
        return await asyncio.to_thread(has_manifest, made)

    async def aclose(self) -> None:
        """End the child at once."""
        self._children.close()


def _has_any_manifest(files: Iterable[Path]) -> bool:
    return any(has_manifest(file) for file in files)


def _has_lost_manifest(made: Path, sources: set[Path]) -> bool:
    """Return whether a source has a manifest that the made video lacks. A copy of a source has lost nothing."""
    if not _has_any_manifest(sources) or has_manifest(made):
        return False
    return not any(filecmp.cmp(made, source, shallow=False) for source in sources)
