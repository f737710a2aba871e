"""Checks of payloads, and the values that the engine does not store."""

from __future__ import annotations

import pytest

from support import nasty, oracle
from tocsin.clickhouse.field_types import FieldTypes
from tocsin.model.interactions.payload import (
    Payload,
    PayloadHints,
    PayloadRejected,
    decode_together,
    read_payload,
)


def read(text: str) -> Payload:
    raw = text.encode()
    return read_payload(raw, PayloadHints.of(raw))


@pytest.mark.parametrize(("name", "text"), nasty.limit_payloads())
def test_what_is_just_acceptable_is_accepted(name: str, text: str) -> None:
    assert oracle.refuses(text) is None, name
    assert read(text).members is not None


@pytest.mark.parametrize(("name", "text"), nasty.bad_payloads())
def test_what_is_to_be_refused_is_refused_in_words(name: str, text: str) -> None:
    assert oracle.refuses(text), name
    with pytest.raises(PayloadRejected, match=r"^(is|has|holds|says|must) .+"):
        read(text)


def test_integers_past_64_bits_are_found_at_any_place() -> None:
    text = f'{{"a": {2**64}, "b": {{"c.d": {-(2**63) - 1}}}, "ok": {2**64 - 1}, "s": "{2**70}"}}'
    assert FieldTypes().observe(read(text).members) == [("a",), ("b", "c.d")]


def test_objects_without_a_leaf_are_found_whatever_they_contain() -> None:
    text = (
        '{"a": { }, "b": {"c": null, "d": {}}, "e": {"f": {}, "g": 1}, "h": {"i": []}, "j": null}'
    )
    assert read(text).leafless_objects == [("a",), ("b",), ("b", "d"), ("e", "f")]


@pytest.mark.parametrize("text", [text for _, text in nasty.bad_payloads()])
def test_among_others_what_is_to_be_refused_is_refused_too(text: str) -> None:
    raws = [b'{"a": 1}', text.encode(), b'{"b": {"c": ":"}}']
    hints = PayloadHints.of(b"\n".join(raws))
    members = decode_together(raws, hints)
    if members is not None:
        with pytest.raises(PayloadRejected, match=r"^(is|has|holds|says|must) .+"):
            read_payload(raws[1], hints, members[1])


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 1}',
        '{"a": ":", "b": {"c": 1, "c": ":::"}}',
        '{"a": [{"b": 1, "b": 2}]}',
        '{"a":1e2,"a":2}',
        '{"\\u0061": "\\u003a", "a": 1}',
        '{"a" :1, "a" : 2}',
    ],
)
def test_a_duplicate_key_is_never_proven_valid(text: str) -> None:
    raws = [b'{"a": 12.50}', text.encode()]
    assert decode_together(raws, PayloadHints.of(b"".join(raws))) is None


def test_payloads_that_are_fine_are_proven_so_together_however_they_are_written() -> None:
    raws = [b'{"a": 12.50, "b" : "x:y"}', b"{}", b'{"c": 1E5, "d": [{"a": 1}, {"a": 2}]}']
    members = decode_together(raws, PayloadHints.of(b"".join(raws)))
    assert members == [{"a": 12.5, "b": "x:y"}, {}, {"c": 1e5, "d": [{"a": 1}, {"a": 2}]}]


@pytest.mark.parametrize("before", range(17))
def test_endless_digits_are_found_wherever_they_begin(before: int) -> None:
    for count in (308, 309, 310):
        raw = b'{"a": ' + b" " * before + b"7" * count + b"}"
        assert PayloadHints.of(raw).endless_digits is (count >= 309)
