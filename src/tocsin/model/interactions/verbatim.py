"""JSON values with line ends in them, which no line of an export can hold."""

from __future__ import annotations

import msgspec

_ANY = msgspec.json.Decoder()
_LINE_ENDS = bytes.maketrans(b"\r\n", b"  ")


class Verbatim(msgspec.Struct, forbid_unknown_fields=True, rename="camel", gc=False):
    """The values of an interaction as they were sent, as texts; None without a line end."""

    interaction: str | None = None
    external_response: str | None = None


def without_line_ends(raw: bytes) -> bytes:
    """The same JSON value in one line: between its parts, a blank means what a line end does."""
    return raw.translate(_LINE_ENDS)


def restores(raw: bytes, line: bytes) -> bool:
    """Whether the first is the JSON value that the second is, with its line ends."""
    if without_line_ends(raw) != line:
        return False
    try:
        # A blank of a text must not have become a line end.
        _ANY.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
