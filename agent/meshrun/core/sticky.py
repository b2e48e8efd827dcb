"""Who is inside a percentage: the same value always gets the same answer, in every process and language."""

from __future__ import annotations

from hashlib import blake2b

BUCKETS = 10_000


def bucket(name: str, value: str) -> int:
    """The bucket, 0 to 9,999, of a value under a lane or policy name.

    First 8 bytes, big-endian, of BLAKE2b (RFC 7693, 64-byte digest) over name, NUL, value in UTF-8.
    """
    digest = blake2b(name.encode("utf-8", "surrogateescape") + b"\0" + value.encode("utf-8", "surrogateescape"))
    return int.from_bytes(digest.digest()[:8], "big") % BUCKETS


def inside(name: str, value: str, percent: float) -> bool:
    """Whether the value is in when `percent` (0..100) are; who is in stays in when the percentage grows."""
    # Rounding takes away the noise of 0.07 * 100 = 7.000000000000001, which would let one bucket more in.
    return bucket(name, value) < round(percent * 100, 6)
