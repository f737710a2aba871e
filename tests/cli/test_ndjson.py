"""Lines get ids derived from their bytes, and are otherwise unchanged."""

from __future__ import annotations

import json
from uuid import uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.cli.line_counts import LineCounts
from tocsin.cli.ndjson import MAX_BYTES, MAX_LINES, NAMESPACE, batches, identified, numbered

LINE = b'{"resourceId":"a","interaction":{"total":1.50}}'


def identify(*lines: bytes) -> list[bytes]:
    return identified(lines, LineCounts())


def test_a_line_without_an_id_gets_the_uuid5_of_its_text() -> None:
    (line,) = identify(LINE)
    assert json.loads(line)["interactionId"] == str(uuid5(NAMESPACE, LINE.decode()))


@given(st.text())
def test_the_id_is_the_uuid5_of_any_text(text: str) -> None:
    line = json.dumps({"resourceId": text}, ensure_ascii=False)
    try:
        encoded = line.encode()
    except UnicodeEncodeError:
        return
    (identified_line,) = identify(encoded)
    assert json.loads(identified_line)["interactionId"] == str(uuid5(NAMESPACE, line))


def test_the_rest_of_the_line_keeps_its_bytes() -> None:
    (line,) = identify(b'{ "a" : 1.50, "b":"\\u00e9" }')
    assert line.startswith(b'{ "a" : 1.50, "b":"\\u00e9" ,"interactionId":"')


def test_identical_lines_get_different_ids_and_the_same_ones_next_time() -> None:
    first, second, third = identify(LINE, LINE, LINE)
    assert len({first, second, third}) == 3
    assert identify(LINE, LINE, LINE) == [first, second, third]


def test_an_occurrence_is_counted_over_the_whole_file() -> None:
    text = b"\n".join([LINE] * (MAX_LINES + 1))
    sent = [line for batch in batches("f", [text]) for line in batch.lines]
    assert len(set(sent)) == MAX_LINES + 1


def test_the_lines_before_a_line_do_not_change_its_id() -> None:
    assert identify(b'{"other":1}', LINE)[1] == identify(LINE)[0]


@pytest.mark.parametrize(
    "line",
    [
        b'{"interactionId":"6e1d5c7e-0c1b-5e0e-9d3a-70c51a000003","resourceId":"a"}',
        b'{"interaction\\u0049d":"6e1d5c7e-0c1b-5e0e-9d3a-70c51a000003"}',
        b'{"interactionId":7}',
        b"[1,2]",
        b"null",
        b'"text"',
        b"{",
        b'{"a":1',
        b"{}",
        b"{ }",
        b"not json",
        b'{"interactionId" nonsense}',
    ],
)
def test_a_line_with_an_id_or_without_an_object_is_not_changed(line: bytes) -> None:
    assert identify(line) == [line]


def test_an_id_in_the_payload_is_not_the_id_of_the_interaction() -> None:
    (line,) = identify(b'{"resourceId":"a","interaction":{"interactionId":"x"}}')
    assert json.loads(line)["interactionId"] != "x"


def test_an_id_that_is_null_is_replaced() -> None:
    (line,) = identify(b'{"interactionId":null,"interaction":{"n":1.00}}')
    assert line.count(b"interactionId") == 1
    assert b'{"n":1.00}' in line
    assert json.loads(line)["interactionId"]


@pytest.mark.parametrize(
    "line", [b'{"a":"}', b'{"a":"b\\"}', b'{"a":"b","}', b'{"a":{}', b'{"a":1}{"b":2}', b'{"a":1,}']
)
def test_adding_an_id_never_makes_an_invalid_line_valid(line: bytes) -> None:
    (sent,) = identify(line)
    with pytest.raises(json.JSONDecodeError):
        json.loads(sent)


def test_line_numbers_count_blank_lines_and_all_line_endings() -> None:
    text = b'\xef\xbb\xbf{"a":1}\r\n\n  \n{"b":2}\n{"c":3}'
    assert list(numbered([text])) == [(1, b'{"a":1}'), (4, b'{"b":2}'), (5, b'{"c":3}')]


def test_a_byte_order_mark_may_begin_any_line() -> None:
    mark = b"\xef\xbb\xbf"
    text = mark + b'{"a":1}\n' + mark + b'{"b":2}\n' + mark + b"\n " + mark + b' {"c":3}'
    assert list(numbered([text])) == [(1, b'{"a":1}'), (2, b'{"b":2}'), (4, b'{"c":3}')]


@given(st.lists(st.binary(max_size=5)), st.integers(1, 7))
def test_the_pieces_of_a_file_do_not_matter(lines: list[bytes], size: int) -> None:
    text = b"\n".join(lines)
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    assert list(numbered(pieces)) == list(numbered([text]))


def test_a_line_that_is_too_long_is_omitted_and_its_number_is_kept() -> None:
    pieces = [b'{"a":1}\n"', *[b"x" * 1024 * 1024] * (MAX_BYTES // 1024 // 1024), b'"\n{"b":2}']
    assert [number for number, line in numbered(pieces) if line is None] == [2]
    (batch,) = batches("f", pieces)
    assert (batch.numbers, batch.too_long) == ([1, 3], [2])


def test_a_batch_has_a_maximum_of_lines_and_bytes() -> None:
    many = list(batches("f", [b"1\n" * (2 * MAX_LINES + 1)]))
    assert [len(batch.lines) for batch in many] == [MAX_LINES, MAX_LINES, 1]
    line = b'"' + b"x" * (MAX_BYTES // 3) + b'"\n'
    assert [len(batch.lines) for batch in batches("f", [line] * 5)] == [2, 2, 1]
