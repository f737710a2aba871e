"""Splits the body of a batch into interactions, and one of them into its members, without decoding.

A batch is counted before it takes memory: 32 MiB hold 16 million elements, which take gigabytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
import numpy as np

from tocsin.errors import InvalidInput, MalformedBody, TooLarge

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")

# An array of at most this many commas is decoded before it is counted. This takes 40 MB at worst;
# counting first would be slower for nearly all batches.
_FEW_COMMAS = 400_000
_PIECE = 1024 * 1024
_STRUCTURAL = np.zeros(256, np.int8)
_STRUCTURAL[list(b"[{")] = 1
_STRUCTURAL[list(b"]}")] = -1

_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_KEY = msgspec.json.Decoder(str)
# An unterminated string is a token too: else the search would restart at each quote in it.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\]\[{},]', re.DOTALL)
_LINE = re.compile(rb"\S[^\n]*")


def split_lines(body: bytes, most: int) -> list[bytes]:
    """The trimmed, non-blank lines of NDJSON; raises TooLarge for more than `most`."""
    trim = trim_line if BYTE_ORDER_MARK in body else bytes.strip
    if body.count(b"\n") < most:
        return [line for line in map(trim, body.split(b"\n")) if line]
    lines: list[bytes] = []
    for match in _LINE.finditer(body):
        if line := trim(match[0]):
            lines.append(line)
            _reject_more(len(lines), most)
    return lines


def trim_line(line: bytes) -> bytes:
    """A line of NDJSON without surrounding blanks and a leading byte order mark.

    Any line may have one: concatenated files have one at the first line of each file.
    """
    return line.strip().removeprefix(BYTE_ORDER_MARK).lstrip()


def split_array(body: bytes, most: int) -> list[bytes]:
    """The elements of a JSON array as the bytes that were sent.

    Raises MalformedBody for invalid JSON, InvalidInput for any value but an array, and TooLarge for
    more than `most` elements.
    """
    try:
        body.decode()
        if body.count(b",") > _FEW_COMMAS:
            _reject_many_elements(body, most)
        elements = _ARRAY.decode(body)
    except msgspec.ValidationError:
        raise InvalidInput.at("", "must be an array of interactions, or NDJSON") from None
    except RecursionError:
        return _split_at_commas(body, most)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if not SURROGATE.search(body):
            reason = str(error).removeprefix("JSON is malformed: ")
            raise MalformedBody(f"The body is not valid JSON: {reason}") from None
        return _split_at_commas(body, most)
    _reject_more(len(elements), most)
    return list(map(bytes, elements))


def _reject_more(count: int, most: int) -> None:
    if count > most:
        raise TooLarge(
            f"A batch holds at most {most:,} interactions; send the others in another batch"
        )


def _reject_many_elements(body: bytes, most: int) -> None:
    """Raise TooLarge if the outermost level has too many commas, counted piece by piece.

    Invalid JSON is not detected.
    """
    if b"\\" in body:
        # Escaped backslashes first: the second one does not escape a quote.
        body = body.replace(b"\\\\", b"..").replace(b'\\"', b"..")
    depth = commas = quotes = 0
    for start in range(0, len(body), _PIECE):
        piece = np.frombuffer(body, np.uint8, min(_PIECE, len(body) - start), start)
        at_quotes = np.flatnonzero(piece == ord('"'))
        steps = _STRUCTURAL[piece]
        marks = np.flatnonzero((steps != 0) | (piece == ord(",")))
        is_outside = (np.searchsorted(at_quotes, marks) + quotes) % 2 == 0
        marks = marks[is_outside]
        depths = depth + np.cumsum(steps[marks], dtype=np.int64)
        commas += int(np.count_nonzero((depths == 1) & (piece[marks] == ord(","))))
        _reject_more(commas + 1, most)
        depth = int(depths[-1]) if len(depths) else depth
        quotes += len(at_quotes)


def _split_at_commas(body: bytes, most: int) -> list[bytes]:
    """The elements, split by brackets alone, so that each is decoded separately: an interaction
    that is nested too deeply or has a lone surrogate must not fail the others."""
    elements: list[bytes] = []
    depth = start = 0
    for token in _TOKEN.finditer(body):
        mark = token[0]
        if mark in b"[{":
            depth += 1
            start = token.end() if depth == 1 else start
        elif mark in b"]}":
            depth -= 1
        if depth == 0 or (depth == 1 and mark == b","):
            elements.append(body[start : token.start()].strip())
            _reject_more(len(elements), most)
            start = token.end()
        if depth == 0:
            break
    if depth or body[start:].strip() or body.lstrip()[:1] != b"[":
        raise MalformedBody
    return elements if elements != [b""] else []


def split_object(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """The members of a JSON object, split by brackets alone, at any depth of nesting; each value as
    the bytes that were sent. Raises MalformedBody."""
    depth = start = 0
    name = None
    for token in _TOKEN.finditer(raw):
        mark = token[0]
        if mark in b"[{":
            depth += 1
        elif mark in b"]}":
            depth -= 1
        elif depth == 1 and name is None and mark[:1] == b'"':
            name, start = _key(mark), raw.find(b":", token.end()) + 1
        if name is not None and (depth == 0 or (depth == 1 and mark == b",")):
            yield name, raw[start : token.start()].strip()
            name = None
        if depth == 0:
            return
    raise MalformedBody


def _key(token: bytes) -> str:
    try:
        return _KEY.decode(token)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise MalformedBody from None
