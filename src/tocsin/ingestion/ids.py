"""New ids, as the 16 bytes of a random UUID (version 4)."""

from __future__ import annotations

import os

_CLEARED = (~(0xF << 76 | 0x3 << 62) & (1 << 128) - 1).to_bytes(16)
_VERSION = (0x4 << 76 | 0x2 << 62).to_bytes(16)


def new_id() -> bytes:
    """A unique id that cannot be guessed: it gives access to an interaction."""
    return new_ids(1)[0]


def new_ids(count: int) -> list[bytes]:
    """`count` new ids, drawn in one call from the system's random source."""
    drawn = int.from_bytes(os.urandom(16 * count))
    cleared = drawn & int.from_bytes(_CLEARED * count)
    raw = (cleared | int.from_bytes(_VERSION * count)).to_bytes(16 * count)
    return [raw[at : at + 16] for at in range(0, len(raw), 16)]
