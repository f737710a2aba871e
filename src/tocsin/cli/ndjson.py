"""Splits NDJSON files into batches of lines, and gives each line an id.

A line without an `interactionId` gets one derived from its bytes, so that sending a file twice
records nothing twice. The id is inserted into the text of the line: decoding and encoding would
take longer than everything else, and could change the content.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha1
from uuid import UUID

import msgspec

from tocsin.cli.line_counts import LineCounts
from tocsin.model.interactions.splitting import trim_line

NAMESPACE = UUID("6e1d5c7e-0c1b-5e0e-9d3a-70c51a000003")
MAX_LINES = 5_000
MAX_BYTES = 16 * 1024 * 1024

_NAMESPACE = NAMESPACE.bytes


@dataclass(frozen=True, slots=True)
class LineBatch:
    """Lines of a file and their line numbers; `too_long` has the numbers of omitted lines,
    `wrong` the numbers and errors of records that have no interaction.

    `is_export` is true for the export of a server, which is sent with `?import=true`.
    """

    name: str
    numbers: list[int] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    too_long: list[int] = field(default_factory=list)
    wrong: list[tuple[int, list[dict[str, str]]]] = field(default_factory=list)
    is_export: bool = False


class _Numbered(msgspec.Struct):
    """The member that only exported interactions have."""

    interaction_number: int | msgspec.UnsetType | None = msgspec.field(
        default=msgspec.UNSET, name="interactionNumber"
    )


class _Named(msgspec.Struct):
    """The only member of an interaction that is read here."""

    interaction_id: str | msgspec.UnsetType | None = msgspec.field(
        default=msgspec.UNSET, name="interactionId"
    )


_NUMBERED = msgspec.json.Decoder(_Numbered)
_NAMED = msgspec.json.Decoder(_Named)
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def batches(
    name: str, pieces: Iterable[bytes], is_export: bool | None = None
) -> Iterator[LineBatch]:
    """The lines of one file in batches that a server accepts, each line with an id.

    By default, the first line decides whether the file is an export.
    """
    repeats = LineCounts()
    for batch in _batches(name, pieces):
        if is_export is None and batch.lines:
            is_export = _is_exported(batch.lines[0])
        batch.lines[:] = identified(batch.lines, repeats)
        yield replace(batch, is_export=bool(is_export))


def _batches(name: str, pieces: Iterable[bytes]) -> Iterator[LineBatch]:
    batch, size = LineBatch(name), 0
    for number, line in numbered(pieces):
        if line is None:
            batch.too_long.append(number)
            continue
        if len(batch.lines) == MAX_LINES or (batch.lines and size + len(line) > MAX_BYTES):
            yield batch
            batch, size = LineBatch(name), 0
        batch.numbers.append(number)
        batch.lines.append(line)
        size += len(line)
    yield batch


def numbered(pieces: Iterable[bytes]) -> Iterator[tuple[int, bytes | None]]:
    """Each line that is not blank, with its number; None for a line that is too long."""
    for number, line in enumerate(split_pieces(pieces), 1):
        if line is None:
            yield number, None
            continue
        text = trim_line(line)
        if text:
            yield number, text


def split_pieces(pieces: Iterable[bytes]) -> Iterator[bytes | None]:
    """The lines of a file without their line ends; None for a line that is too long."""
    held, too_long = bytearray(), False
    for piece in pieces:
        first, newline, others = piece.partition(b"\n")
        held += first
        if len(held) > MAX_BYTES:
            held.clear()
            too_long = True
        if newline:
            yield None if too_long else bytes(held)
            lines = others.split(b"\n")
            held, too_long = bytearray(lines.pop()), False
            yield from lines
    yield None if too_long else bytes(held)


def _is_exported(line: bytes) -> bool:
    try:
        return _NUMBERED.decode(line).interaction_number is not msgspec.UNSET
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def identified(lines: Sequence[bytes], repeats: LineCounts) -> list[bytes]:
    """The same lines, each with its own id or one derived from its bytes.

    Lines that are not JSON objects are not changed; the server rejects them with the reason.
    """
    result = list(lines)
    bare = [(place, line) for place, text in enumerate(lines) if (line := _without_id(text))]
    digests = [sha1(_NAMESPACE + lines[place]).digest() for place, _ in bare]
    for (place, line), digest, before in zip(bare, digests, repeats.before(digests), strict=True):
        if before:
            digest = sha1(_NAMESPACE + lines[place] + b"\n%d" % before).digest()
        # Appended, so that positions in the server's errors are those of the original line.
        result[place] = b'%b,"interactionId":"%b"}' % (line[:-1], _uuid5(digest))
    return result


def _without_id(line: bytes) -> bytes | None:
    """The line if it is an object without an id, else None."""
    if not (line.startswith(b"{") and line.endswith(b"}")) or _is_empty_object(line):
        return None
    # An escape sequence of an ASCII character could hide the name.
    if b'"interactionId"' not in line and b"\\u00" not in line:
        return line
    try:
        own = _NAMED.decode(line).interaction_id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if own is None:
        return _without_null_id(line)
    return line if own is msgspec.UNSET else None


def _without_null_id(line: bytes) -> bytes | None:
    members = _MEMBERS.decode(line)
    del members["interactionId"]
    return msgspec.json.encode(members) if members else None


def _is_empty_object(line: bytes) -> bool:
    return len(line) < 16 and not line[1:-1].strip()


def _uuid5(digest: bytes) -> bytes:
    """The UUID that `uuid.uuid5` makes of this digest, in a third of the time."""
    text = digest.hex()
    variant = "89ab"[digest[8] >> 4 & 3]
    return (f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}").encode()
