"""What is read of many interactions at once is what is read of each."""

from __future__ import annotations

import pytest

from support import nasty
from tocsin.errors import InvalidInput, MalformedBody
from tocsin.ingestion.parser import CHUNK, InteractionParser
from tocsin.ingestion.request_context import RequestContext
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.payload import PayloadHints
from tocsin.runtime import Runtime

UOW_ID = "0b6e1f2a-58c1-4f0e-9b1d-3c5a7e9f1b2d"
HEAD = '{"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O", '


def line(payload: str) -> bytes:
    return f'{HEAD}"uowId": "{UOW_ID}", "interaction": {payload}}}'.encode()


def reader(runtime: Runtime, lines: list[bytes]) -> InteractionParser:
    types = runtime.engine.field_types
    hints = PayloadHints.of(b"\n".join(lines))
    return InteractionParser(
        runtime.catalog, types, RequestContext(received=0), hints, strict=False
    )


def said(runtime: Runtime, raw: bytes) -> object:
    """What reading one by itself comes to."""
    try:
        return reader(runtime, [raw]).parse(raw)
    except (InvalidInput, MalformedBody) as error:
        return str(error)


def told(read: object) -> object:
    return read if isinstance(read, Interaction) else str(read)


NASTY = [line(text) for _, text in [*nasty.limit_payloads(), *nasty.bad_payloads()]]
BROKEN = [
    b"{",
    b"[]",
    b"1",
    b'{"resourceId": 1}',
    b'{"resourceId": "1"},{"resourceId": "2"}',
    line("{}").replace(b'"1"', b'"' + b"x" * 513 + b'"'),
    line("{}").replace(b'"1"', b'"\xff"'),
    line('{"a": "\xff"}').replace("\xff".encode(), b"\xff"),
    line("{}").replace(b"{}", b'{}, "more": 1'),
    line("{}").replace(b'"T"', b'"no mnemonic"'),
]


@pytest.mark.parametrize("number", range(len(NASTY) + len(BROKEN)))
def test_one_among_many_is_read_as_it_is_by_itself(runtime: Runtime, number: int) -> None:
    odd = [*NASTY, *BROKEN][number]
    lines = [line('{"a": 1}'), odd, line('{"b": ":"}')]
    read = list(map(told, reader(runtime, lines).parse_all(lines)))
    assert read == [said(runtime, raw) for raw in lines]
    assert isinstance(read[0], Interaction)
    assert isinstance(read[2], Interaction)


def test_each_answer_stands_where_its_line_stood(runtime: Runtime) -> None:
    lines = [line(f'{{"n": {n}}}') for n in range(3 * CHUNK)]
    lines[CHUNK + 7] = line('{"n": 1, "n": 2}')
    read = list(reader(runtime, lines).parse_all(lines))
    assert isinstance(read.pop(CHUNK + 7), InvalidInput)
    numbers = [n for n in range(3 * CHUNK) if n != CHUNK + 7]
    assert [each.payload for each in read if isinstance(each, Interaction)] == [
        b'{"n": %d}' % n for n in numbers
    ]
