"""Pictures for tests, byte by byte: honest ones, and ones that no encoder would write."""

import base64
import struct
import zlib


def png(width: int = 1, height: int = 1, *, padding: int = 0, animated: bool = False) -> bytes:
    """A grey PNG, with a text of so many bytes. One that is larger than a megapixel only claims to be."""
    rows = b"".join(b"\0" + b"\x80" * width for _ in range(height)) if width * height <= 1_000_000 else b"\0\x80"
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))]
    chunks += [(b"acTL", struct.pack(">II", 2, 0))] if animated else []
    chunks += [(b"tEXt", b"Comment\0" + bytes(padding))] if padding else []
    chunks += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in chunks)


def png_bomb(side: int = 50_000) -> bytes:
    """A whole, valid picture of `side` x `side` black pixels: 300 kB that become hundreds of megabytes."""
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    hundred_rows = bytes(1 + (side + 7) // 8) * 100
    rows = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    block = rows.compress(hundred_rows) + rows.flush(zlib.Z_FULL_FLUSH)  # can be repeated as it is
    adler = (len(hundred_rows) * (side // 100) % 65521) << 16 | 1  # of so many zeros
    packed = b"\x78\xda" + block * (side // 100) + rows.flush() + struct.pack(">I", adler)
    chunks = ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in chunks)


def data_url(image: bytes, kind: str = "image/png") -> str:
    """As a request carries it."""
    return f"data:{kind};base64,{base64.b64encode(image).decode()}"


def chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
