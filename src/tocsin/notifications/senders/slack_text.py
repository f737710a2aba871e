"""Text in the markup of Slack, within lengths that are counted as JavaScript counts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tocsin.model.notifications.message import one_line

# Slack requires these to be escaped, and no others.
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
# Slack has no escape for the marks of its markup, so similar characters replace them. An underscore
# within a word is no mark.
_LOOKALIKES = str.maketrans({"*": "∗", "`": "ˋ", "~": "∼"})
_UNDERSCORE_MARK = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_LAST_BMP = "\uffff"
_ADDRESS = re.compile(r"(https?://[^\s<>|]*[^\s<>|.,;:!?)\]}'\"])")


def units(text: str) -> int:
    """The length in UTF-16 code units."""
    return len(text) + sum(char > _LAST_BMP for char in text)


def escaped(text: str, longest: int) -> str:
    """The text with entities, cut between characters if it is too long."""
    whole = text.translate(_ENTITIES)
    if units(whole) <= longest:
        return whole
    return "".join(_fitting(text, longest - len("…"))) + "…"


def pieces(text: str, longest: int) -> Iterator[str]:
    """The text with entities, in pieces of at most `longest`, which end at line ends if they
    can."""
    while text:
        part = "".join(_fitting(text, longest))
        taken = _length_before(text, part)
        if taken < len(text) and (end := text.rfind("\n", 0, taken)) > 0:
            taken = end
        yield text[:taken].translate(_ENTITIES)
        text = text[taken:].removeprefix("\n")


def bold(text: str, longest: int) -> str:
    """One line in bold; empty if the text has no visible character."""
    line = escaped(verbatim(one_line(text[:longest])), longest - len("**"))
    return f"*{line}*" if line else ""


def verbatim(text: str) -> str:
    """The text without marks of Slack's markup; its entities are not escaped yet."""
    return _UNDERSCORE_MARK.sub("ˍ", text.translate(_LOOKALIKES))


def linked(text: str, longest: int, *, is_markup: bool) -> str:
    """Escaped text with links for its addresses, if those fit; without its marks, unless they are
    markup."""
    parts = _ADDRESS.split(text)
    for number, part in enumerate(parts):
        if number % 2:
            parts[number] = f"<{part}>"
        elif not is_markup:
            parts[number] = verbatim(part)
    links = "".join(parts)
    if units(links) <= longest:
        return links
    return text if is_markup else verbatim(text)


def _fitting(text: str, longest: int) -> Iterator[str]:
    """The first characters of the text as entities, as many as fit."""
    room = longest
    for char in text:
        entity = char.translate(_ENTITIES)
        room -= units(entity)
        if room < 0:
            return
        yield entity


def _length_before(text: str, escaped_part: str) -> int:
    """The number of characters of the text that `escaped_part` has escaped."""
    count = length = 0
    for char in text:
        if length >= len(escaped_part):
            break
        length += len(char.translate(_ENTITIES))
        count += 1
    return count
