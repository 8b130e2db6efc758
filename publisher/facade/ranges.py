"""Reads a `Range` header (RFC 9110, section 14): in time in proportion to its length, whatever a caller sends."""

from schemas.errors import ReelbusError

RANGES_AT_MOST = 50
"""Who asks for more gets the whole file: each part costs a seek, and a header of kilobytes can name thousands."""
_DIGITS_AT_MOST = 18


class NotSatisfiable(ReelbusError):
    """No range of the header lies inside of the file."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"The file has {size_bytes:,} bytes, and no asked range lies inside of it")
        self.size_bytes = size_bytes


def satisfiable_ranges(given: str, size_bytes: int) -> list[tuple[int, int]] | None:
    """First and last byte of each range that the file has; None for a header that the standard wants ignored.

    Raises `NotSatisfiable` if the header is valid and no range of it can be had.
    """
    unit, sign, listed = given.partition("=")
    specs = [spec for part in listed.split(",") if (spec := part.strip(" \t"))]
    if unit.strip(" \t").lower() != "bytes" or not sign or not 1 <= len(specs) <= RANGES_AT_MOST:
        return None
    ranges = []
    for spec in specs:
        bounds = _bounds(spec, size_bytes)
        if bounds is None:
            return None
        first, last = bounds
        if first <= last:
            ranges.append(bounds)
    if not ranges:
        raise NotSatisfiable(size_bytes)
    return ranges


def _bounds(spec: str, size_bytes: int) -> tuple[int, int] | None:
    """First and last byte, the last one before the first one if the file has none of them; None for no range."""
    first, dash, last = spec.partition("-")
    if not dash or not _are_digits(first or last) or not _are_digits(last or first):
        return None
    end = size_bytes - 1
    if not first:
        return max(size_bytes - _number(last), 0), end
    if last and _number(last) < _number(first):
        return None
    return _number(first), min(_number(last), end) if last else end


def _are_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _number(digits: str) -> int:
    """A number of thousands of digits is only a large one."""
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= _DIGITS_AT_MOST else 10**_DIGITS_AT_MOST
