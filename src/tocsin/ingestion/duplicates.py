"""Distinguishes a repeat of an interaction from another interaction with the same id."""

from __future__ import annotations

from hashlib import md5
from typing import Any

from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.recorded import Recorded


def is_same(sent: Interaction, original: Recorded | Interaction) -> bool:
    """Whether all members that the sender gave are equal to those of the original."""
    return all(_is_equal(sent, name, original) for name in sent.compared)


def differs_in_payload_only(sent: Interaction, original: Recorded | Interaction) -> bool:
    """Whether all members but the payload that the sender gave are equal to those of the
    original."""
    others = (name for name in sent.compared if name != "payload")
    return not is_same(sent, original) and all(_is_equal(sent, each, original) for each in others)


def _is_equal(sent: Interaction, name: str, original: Recorded | Interaction) -> bool:
    if name == "payload" and isinstance(original, Recorded):
        return md5(sent.payload, usedforsecurity=False).hexdigest() == original.payload_md5
    value: Any = getattr(sent, name)
    return bool(value == getattr(original, name))
