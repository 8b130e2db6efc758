"""Wheels without code, to stand for releases on an index."""

import hashlib
import zipfile
from collections.abc import Sequence
from pathlib import Path


def build_wheel(
    folder: Path, name: str, version: str, *, requires: Sequence[str] = (), extras: Sequence[str] = ()
) -> str:
    """Write the wheel into the folder and return its line of a lock."""
    about = f"{name.replace('-', '_')}-{version}"
    path = folder / f"{about}-py3-none-any.whl"
    metadata = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        *(f"Provides-Extra: {extra}" for extra in extras),
        *(f"Requires-Dist: {requirement}" for requirement in requires),
    ]
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{about}.dist-info/METADATA", "\n".join([*metadata, ""]))
        wheel.writestr(f"{about}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}.dist-info/RECORD", "")
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"
