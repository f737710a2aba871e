"""Unpacks gzip and zstd: the files of the command line and the bodies of requests.

A stream may consist of several gzip members or zstd frames in a row, as `cat a.gz b.gz` and senders
that pack each chunk make them. Content that is incomplete or damaged is never taken as whole.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import BinaryIO, Protocol

import zstandard

from tocsin.errors import MalformedBody, TooLarge

# The zstandard package has no limit on the output of one call, and 4 bytes can unpack to 128 KiB:
# this many unpack to 8 MiB at most, which is as far as a limit can be exceeded.
PACKED_PIECE = 256
PLAIN_PIECE = 1024 * 1024
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class Unreadable(MalformedBody):
    """The content cannot be decompressed."""


class _Decompressor(Protocol):
    """The common part of zlib and zstandard; unlike their stream readers it knows its end."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Packing:
    """`prepare` is called once for a stream; the function that it returns, once for each member."""

    name: str
    suffix: str
    magic: re.Pattern[bytes]
    prepare: Callable[[], Callable[[], _Decompressor]]


_GZIP = _Packing(
    "gzip", ".gz", re.compile(rb"\x1f\x8b"), lambda: partial(zlib.decompressobj, _GZIP_WINDOW)
)
_ZSTD = _Packing(
    "zstd",
    ".zst",
    # A frame of data, or a skippable one (RFC 8878, 3.1.2), with which pzstd begins.
    re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"),
    lambda: zstandard.ZstdDecompressor().decompressobj,
)
_PACKINGS = (_GZIP, _ZSTD)
# RFC 9110, 8.4.1.3: x-gzip means the same.
_CODINGS = {"gzip": _GZIP, "x-gzip": _GZIP, "zstd": _ZSTD}
CODINGS = frozenset(_CODINGS)
"""The values of Content-Encoding that `decompress_body` takes."""


def decompress_body(
    body: bytes, coding: str, limit: int, hold: Callable[[int], None] = lambda _: None
) -> bytes:
    """The content of a request's body with this Content-Encoding, one of CODINGS.

    `hold` is called with the size so far after each piece, and may raise. Raises Unreadable for an
    incomplete or damaged body, and TooLarge as soon as more than `limit` bytes are decompressed.
    """
    packing = _CODINGS[coding]
    if not body:
        raise Unreadable(f"The body is empty, which is not valid {packing.name}.")
    pieces, size = [], 0
    sent = (body[start : start + PACKED_PIECE] for start in range(0, len(body), PACKED_PIECE))
    for piece in _unpack(sent, packing, "The body"):
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise TooLarge(f"The body unpacks to more than {limit >> 20} MiB")
        hold(size)
    return b"".join(pieces)


def decompress_file(file: BinaryIO, name: str) -> Iterator[bytes]:
    """The content of a file in pieces, plain or compressed; the first bytes determine the format.

    `name` is for the errors, and for the check that a `.gz` is one. Raises Unreadable.
    """
    head = file.read(4)
    packing = next((p for p in _PACKINGS if p.magic.match(head)), None)
    _check_name(name, packing)
    if packing is None:
        return chain([head], _pieces(file, PLAIN_PIECE))
    # Zeros after a member are padding: tapes and some tools leave them.
    return _unpack(chain([head], _pieces(file, PACKED_PIECE)), packing, name, padding=b"\0")


def _check_name(name: str, packing: _Packing | None) -> None:
    named = next((p for p in _PACKINGS if name.endswith(p.suffix)), None)
    if named and named is not packing:
        raise Unreadable(f"{name} is not {named.name}, but its name ends in {named.suffix}.")


def _pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    return iter(lambda: file.read(size), b"")


def _unpack(
    pieces: Iterable[bytes], packing: _Packing, name: str, padding: bytes = b""
) -> Iterator[bytes]:
    new_member = packing.prepare()
    member: _Decompressor | None = None
    for piece in pieces:
        rest = piece
        while rest and (member or (rest := rest.lstrip(padding))):
            member = member or new_member()
            try:
                content = member.decompress(rest)
            except (zlib.error, zstandard.ZstdError) as error:
                raise Unreadable(f"{name} is damaged: it is not valid {packing.name}.") from error
            if content:
                yield content
            rest, member = (member.unused_data, None) if member.eof else (b"", member)
    if member:
        raise Unreadable(f"{name} is cut off: its {packing.name} stream has no end.")
