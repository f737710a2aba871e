"""Parsing many interactions in one call gives the same results as parsing each."""

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


def parser(runtime: Runtime, lines: list[bytes]) -> InteractionParser:
    types = runtime.engine.field_types
    hints = PayloadHints.of(b"\n".join(lines))
    return InteractionParser(
        runtime.catalog, types, RequestContext(received=0), hints, strict=False, redaction_key=b""
    )


def parsed_alone(runtime: Runtime, raw: bytes) -> object:
    """The interaction, or the text of the error, of a single call."""
    try:
        return parser(runtime, [raw]).parse(raw)
    except (InvalidInput, MalformedBody) as error:
        return str(error)


def result_or_error(result: object) -> object:
    return result if isinstance(result, Interaction) else str(result)


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
def test_parsing_many_gives_the_results_of_parsing_each(runtime: Runtime, number: int) -> None:
    odd = [*NASTY, *BROKEN][number]
    lines = [line('{"a": 1}'), odd, line('{"b": ":"}')]
    results = list(map(result_or_error, parser(runtime, lines).parse_all(lines)))
    assert results == [parsed_alone(runtime, raw) for raw in lines]
    assert isinstance(results[0], Interaction)
    assert isinstance(results[2], Interaction)


def test_results_are_in_the_order_of_the_lines(runtime: Runtime) -> None:
    lines = [line(f'{{"n": {n}}}') for n in range(3 * CHUNK)]
    lines[CHUNK + 7] = line('{"n": 1, "n": 2}')
    results = list(parser(runtime, lines).parse_all(lines))
    assert isinstance(results.pop(CHUNK + 7), InvalidInput)
    numbers = [n for n in range(3 * CHUNK) if n != CHUNK + 7]
    assert [each.payload for each in results if isinstance(each, Interaction)] == [
        b'{"n": %d}' % n for n in numbers
    ]
