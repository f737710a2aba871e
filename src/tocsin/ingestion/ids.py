"""New ids, as the 16 bytes of a random UUID (version 4)."""

from __future__ import annotations

import os
from hashlib import shake_128

_CLEARED = (~(0xF << 76 | 0x3 << 62) & (1 << 128) - 1).to_bytes(16)
_VERSION = (0x4 << 76 | 0x2 << 62).to_bytes(16)
SEED_BYTES = 32


def new_id() -> bytes:
    """A unique id that cannot be guessed: it gives access to an interaction."""
    return new_ids(1)[0]


def new_ids(count: int) -> list[bytes]:
    """`count` new ids, drawn in one call from the system's random source."""
    return _as_ids(os.urandom(16 * count))


def new_seed() -> bytes:
    """A secret from which ids are generated, in place of sending them all to other nodes."""
    return os.urandom(SEED_BYTES)


def generated_ids(seed: bytes, count: int) -> list[bytes]:
    """`count` ids that nobody can guess who does not know the seed."""
    return _as_ids(shake_128(seed).digest(16 * count))


def _as_ids(drawn: bytes) -> list[bytes]:
    count = len(drawn) // 16
    cleared = int.from_bytes(drawn) & int.from_bytes(_CLEARED * count)
    raw = (cleared | int.from_bytes(_VERSION * count)).to_bytes(16 * count)
    return [raw[at : at + 16] for at in range(0, len(raw), 16)]
