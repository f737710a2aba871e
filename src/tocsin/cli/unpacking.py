"""What is in a file of interactions, be it plain, gzip or zstd.

Which one it is says the file's beginning and not its name, so standard input works alike. A file
may hold several packed streams in a row, as `cat a.gz b.gz` makes them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO, Protocol

import zstandard

from tocsin.errors import TocsinError

# What is unpacked at once must stay small, and zstd can pack ten thousand bytes into one.
PACKED_PIECE = 1024
PLAIN_PIECE = 1024 * 1024
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class Unreadable(TocsinError):
    """The file cannot be read."""


class _Decompressor(Protocol):
    """What zlib and zstandard have in common; unlike their stream readers it knows when it ends."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Packing:
    name: str
    suffix: str
    magic: bytes
    decompressor: Callable[[], _Decompressor]


_PACKINGS = (
    _Packing("gzip", ".gz", b"\x1f\x8b", lambda: zlib.decompressobj(_GZIP_WINDOW)),
    _Packing(
        "zstd", ".zst", b"\x28\xb5\x2f\xfd", lambda: zstandard.ZstdDecompressor().decompressobj()
    ),
)


def unpacked(file: BinaryIO, name: str) -> Iterator[bytes]:
    """The file's content in pieces; raises Unreadable where it is damaged or not what it is named.

    `name` is for the errors, and for the check that a `.gz` is one.
    """
    head = file.read(4)
    packing = next((p for p in _PACKINGS if head.startswith(p.magic)), None)
    _check_name(name, packing)
    if packing is None:
        return chain([head], _pieces(file, PLAIN_PIECE))
    return _unpack(chain([head], _pieces(file, PACKED_PIECE)), packing, name)


def _check_name(name: str, packing: _Packing | None) -> None:
    named = next((p for p in _PACKINGS if name.endswith(p.suffix)), None)
    if named and named is not packing:
        raise Unreadable(f"{name} is not {named.name}, though its name says so.")


def _pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    return iter(lambda: file.read(size), b"")


def _unpack(pieces: Iterable[bytes], packing: _Packing, name: str) -> Iterator[bytes]:
    stream: _Decompressor | None = None
    for piece in pieces:
        rest = piece
        # Zeros after a stream are padding: tapes and some tools leave them.
        while rest and (stream or (rest := rest.lstrip(b"\0"))):
            stream = stream or packing.decompressor()
            try:
                yield stream.decompress(rest)
            except (zlib.error, zstandard.ZstdError) as error:
                raise Unreadable(f"{name} is damaged, it is no valid {packing.name}.") from error
            rest, stream = (stream.unused_data, None) if stream.eof else (b"", stream)
    if stream:
        raise Unreadable(f"{name} is cut off: its {packing.name} stream has no end.")
