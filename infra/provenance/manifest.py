"""Finds the C2PA manifest of a file without the library of C2PA, and without trusting the file."""

import os
from pathlib import Path

_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
"""The type of the `uuid` box that holds manifests in MP4 (C2PA 2.2, appendix A.5)."""
_BOXES_AT_MOST = 1000
"""The box is one of the first; a hostile file may have millions."""


def has_manifest(path: Path) -> bool:
    """Return whether an MP4 has a manifest, valid or not, by the types of its outermost boxes. Raises `OSError`."""
    with path.open("rb") as file:
        end = os.fstat(file.fileno()).st_size
        at = 0
        for _ in range(_BOXES_AT_MOST):
            file.seek(at)
            head = file.read(32)
            size, kind, header = int.from_bytes(head[:4]), head[4:8], 8
            if size == 1:
                size, header = int.from_bytes(head[8:16]), 16
            if kind == b"uuid" and head[header : header + 16] == _C2PA:
                return True
            if size < header or at + size >= end:  # a size of 0 is the rest of the file
                return False
            at += size
    return False
