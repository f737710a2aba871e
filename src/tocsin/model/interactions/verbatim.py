"""JSON values that contain line ends, which a line of an NDJSON export cannot hold."""

from __future__ import annotations

import msgspec

_ANY = msgspec.json.Decoder()
_LINE_ENDS = bytes.maketrans(b"\r\n", b"  ")


class Verbatim(
    msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, rename="camel", gc=False
):
    """The JSON texts of an interaction as they were sent; None for those without a line end."""

    interaction: str | None = None
    external_response: str | None = None


def without_line_ends(raw: bytes) -> bytes:
    """The same JSON value in one line: between tokens a blank is equivalent to a line end."""
    return raw.translate(_LINE_ENDS)


def restores(raw: bytes, line: bytes) -> bool:
    """Whether `raw` is the JSON value of `line` with its original line ends."""
    if without_line_ends(raw) != line:
        return False
    try:
        # A blank within a string must not have become a line end.
        _ANY.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
