"""Block Kit blocks of a message, within the limits that Slack publishes for each of them.

https://docs.slack.dev/reference/block-kit/blocks
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tocsin.model.group_name import NOTHING
from tocsin.model.notifications.content import Content, Fact, Link, Section
from tocsin.model.notifications.message import one_line, printable_lines
from tocsin.notifications.senders.slack_text import bold, escaped, linked, pieces, units, verbatim

MAX_BLOCKS = 50
MAX_HEADER = 150
MAX_SECTION = 3_000
MAX_FIELDS = 10
MAX_FIELD = 2_000
MAX_TOTAL = 10_000
"""Of all texts together. Slack documents no such limit, but rejects about 13,200 characters with
`msg_blocks_too_long` (https://github.com/slackapi/bolt-js/issues/2509)."""

SlackBlock = dict[str, Any]

_FIELD_NAME = 200
_MINOR = 2_000
_EMPTY = "(This message has no text.)"
_SHORTENED = "… The message was shortened."


def blocks_of(content: Content) -> list[SlackBlock]:
    """At least one block."""
    blocks = list(_limited(_blocks(content), _links(content.links)))
    return blocks or [_section(_EMPTY)]


def _limited(blocks: Iterable[SlackBlock], last: Sequence[SlackBlock]) -> Iterator[SlackBlock]:
    """The blocks as far as they fit beside the last ones, and a note if there were more."""
    room, places = MAX_TOTAL - sum(map(_size, last)), MAX_BLOCKS - len(last) - 1
    for block in blocks:
        room -= _size(block)
        places -= 1
        if room < 0 or places < 0:
            yield _context(_SHORTENED)
            break
        yield block
    yield from last


def _blocks(content: Content) -> Iterator[SlackBlock]:
    if title := escaped(one_line(content.title), MAX_HEADER):
        yield {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": False}}
    for section in content.sections:
        yield from _section_blocks(section, is_markup=content.is_markup)


def _section_blocks(section: Section, *, is_markup: bool) -> Iterator[SlackBlock]:
    if section.heading:
        yield _section("\n".join(filter(None, _compact(section))))
    elif lead := bold(section.lead, MAX_SECTION):
        yield _section(lead)
    if section.is_minor:
        yield from _minor(section.facts)
    elif not section.heading:
        for start in range(0, len(section.facts), MAX_FIELDS):
            facts = section.facts[start : start + MAX_FIELDS]
            yield {"type": "section", "fields": [_text(_field(fact)) for fact in facts]}
    for piece in pieces(printable_lines(section.text[: MAX_TOTAL + 1]), MAX_SECTION):
        if piece.strip():
            yield _section(linked(piece, MAX_SECTION, is_markup=is_markup))


def _compact(section: Section) -> Iterator[str]:
    """The heading, the lead and the facts, each in one line."""
    longest = MAX_SECTION // 3 - 1
    yield bold(section.heading, longest) or NOTHING
    for line in (section.lead, _line(section.facts)):
        yield escaped(verbatim(one_line(line[:longest])), longest)


def _field(fact: Fact) -> str:
    name = bold(fact.name, _FIELD_NAME)
    room = MAX_FIELD - units(name) - len("\n")
    text = escaped(verbatim(printable_lines(fact.text[:MAX_FIELD])), room)
    return f"{name}\n{text if text.strip() else NOTHING}"


def _minor(facts: Sequence[Fact]) -> Iterator[SlackBlock]:
    """All facts in one line of small text."""
    if text := escaped(verbatim(one_line(_line(facts)[: _MINOR + 1])), _MINOR):
        yield _context(text)


def _line(facts: Sequence[Fact]) -> str:
    return " · ".join(f"{fact.name}: {fact.text}" for fact in facts)


def _links(links: Sequence[Link]) -> list[SlackBlock]:
    marks = (
        f"<{escaped(link.url, MAX_SECTION)}|{escaped(link.name, _FIELD_NAME)}>" for link in links
    )
    fitting = [mark for mark in marks if units(mark) <= MAX_SECTION // 2 - 1]
    return [_section(" · ".join(fitting))] if fitting else []


def _section(text: str) -> SlackBlock:
    return {"type": "section", "text": _text(text)}


def _context(text: str) -> SlackBlock:
    return {"type": "context", "elements": [_text(text)]}


def _text(text: str) -> SlackBlock:
    # Verbatim: a payload must not mention anybody.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _size(block: SlackBlock) -> int:
    """The length of all texts of a block."""
    texts = [*block.get("fields", ()), *block.get("elements", ())]
    texts += [block["text"]] if "text" in block else []
    return sum(units(text["text"]) for text in texts)
