"""Tells a repeat of an interaction from another interaction under the same id."""

from __future__ import annotations

from hashlib import md5
from typing import Any

from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.recorded import Recorded


def is_same(sent: Interaction, known: Recorded | Interaction) -> bool:
    """Whether everything that the sender gave is as it is known under the same id."""
    return all(_of(sent, name, known) for name in sent.compared)


def _of(sent: Interaction, name: str, known: Recorded | Interaction) -> bool:
    if name == "payload" and isinstance(known, Recorded):
        return md5(sent.payload, usedforsecurity=False).hexdigest() == known.payload_md5
    mine: Any = getattr(sent, name)
    return bool(mine == getattr(known, name))
