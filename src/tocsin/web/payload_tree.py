"""Shows a payload as a tree of its members, and as a short text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

SHOWN_MEMBERS = 200
_SHORT = 120


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its key: a leaf with a text, or an object or array with members."""

    key: str
    kind: str
    text: str
    members: tuple[Node, ...] = ()
    left_out: int = 0


class _Number(str):
    """A number with all digits of the payload."""


def tree(raw: bytes) -> tuple[Node, ...]:
    """The members of a JSON object, or the value itself if it is not an object."""
    value = json.loads(raw, parse_int=_Number, parse_float=_Number)
    root = _node("", value)
    return root.members if isinstance(value, dict) else (root,)


def short(raw: bytes) -> str:
    """The beginning of the payload, without the braces around it."""
    text = raw[: _SHORT * 4].decode("utf-8", "ignore").strip().removeprefix("{")
    return text[:_SHORT] + " …" if len(text) > _SHORT else text.removesuffix("}")


def _node(key: str, value: Any) -> Node:
    if isinstance(value, dict | list):
        return _holder(key, value)
    if isinstance(value, _Number):
        return Node(key, "number", str(value))
    if isinstance(value, bool):
        return Node(key, "boolean", "true" if value else "false")
    return Node(key, "null", "null") if value is None else Node(key, "string", str(value))


def _holder(key: str, value: dict[str, Any] | list[Any]) -> Node:
    is_object = isinstance(value, dict)
    members = list(value.items() if isinstance(value, dict) else enumerate(value))
    nodes = tuple(_node(str(name), member) for name, member in members[:SHOWN_MEMBERS])
    words = "members" if is_object else "elements"
    text = f"{len(members):,} {words if len(members) != 1 else words[:-1]}"
    return Node(key, "object" if is_object else "array", text, nodes, len(members) - len(nodes))
