"""May a payload be recorded, and what of it does the engine not keep?"""

from __future__ import annotations

import nasty
import oracle
import pytest

from tocsin.model.payload import Payload, PayloadRefused, Traits, big_integers, read_payload


def read(text: str) -> Payload:
    raw = text.encode()
    return read_payload(raw, Traits.of(raw))


@pytest.mark.parametrize(("name", "text"), nasty.limit_payloads())
def test_what_is_just_acceptable_is_accepted(name: str, text: str) -> None:
    assert oracle.refuses(text) is None, name
    assert read(text).members is not None


@pytest.mark.parametrize(("name", "text"), nasty.bad_payloads())
def test_what_is_to_be_refused_is_refused_in_words(name: str, text: str) -> None:
    assert oracle.refuses(text), name
    with pytest.raises(PayloadRefused, match=r"^(is|has|holds|says|must) .+"):
        read(text)


def test_integers_past_64_bits_are_told_wherever_they_stand() -> None:
    text = f'{{"a": {2**64}, "b": {{"c.d": {-(2**63) - 1}}}, "ok": {2**64 - 1}, "s": "{2**70}"}}'
    assert big_integers(read(text).members) == [("a",), ("b", "c.d")]


def test_objects_without_a_leaf_are_told_whatever_they_hold_inside() -> None:
    text = (
        '{"a": { }, "b": {"c": null, "d": {}}, "e": {"f": {}, "g": 1}, "h": {"i": []}, "j": null}'
    )
    assert read(text).hollow_objects == [("a",), ("b",), ("b", "d"), ("e", "f")]
