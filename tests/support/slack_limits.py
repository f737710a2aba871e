"""The limits that Slack publishes for the blocks of a message
(https://docs.slack.dev/reference/block-kit/blocks), written without the code of the sender."""

from __future__ import annotations

import json
import re
from typing import Any

# In UTF-16 code units, which are never fewer than characters.
_MARKUP = re.compile(r"<(https?://[^\s<>|]+)(\|[^<>|]+)?>")
_ENTITY = re.compile(r"&(amp|lt|gt);")


def check_blocks(blocks: list[dict[str, Any]]) -> None:
    assert 1 <= len(blocks) <= 50
    json.dumps(blocks).encode()
    for block in blocks:
        _CHECKS[block["type"]](block)


def length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _check_header(block: dict[str, Any]) -> None:
    assert set(block) == {"type", "text"}
    text = block["text"]
    assert text["type"] == "plain_text"
    _check_text(text["text"], 150)
    assert "\n" not in text["text"]


def _check_section(block: dict[str, Any]) -> None:
    assert set(block) in ({"type", "text"}, {"type", "fields"})
    if "text" in block:
        _check_markup(block["text"], 3000)
    else:
        assert 1 <= len(block["fields"]) <= 10
        for field in block["fields"]:
            _check_markup(field, 2000)


def _check_context(block: dict[str, Any]) -> None:
    assert set(block) == {"type", "elements"}
    assert 1 <= len(block["elements"]) <= 10
    for element in block["elements"]:
        _check_markup(element, 3000)


def _check_markup(text: dict[str, Any], longest: int) -> None:
    assert text["type"] == "mrkdwn"
    assert text["verbatim"] is True
    _check_text(text["text"], longest)


def _check_text(text: str, longest: int) -> None:
    assert 1 <= length(text) <= longest
    assert text.strip()
    text.encode()
    unescaped = _ENTITY.sub("", _MARKUP.sub("", text))
    assert not set(unescaped) & set("<>&"), text


_CHECKS = {"header": _check_header, "section": _check_section, "context": _check_context}
