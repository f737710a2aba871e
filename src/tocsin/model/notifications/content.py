"""The structure of a message, which the senders format for their receivers.

A message about several groups has a section for each of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self
from urllib.parse import quote

from tocsin.model.severity import Severity

MAX_TITLE = 300
MAX_BODY = 20_000

# Characters that no URL has, and that would end one in the markup of a receiver.
_UNSAFE = re.compile(r'[\s\x00-\x1f\x7f<>|"]')


class Tone(StrEnum):
    """The meaning of a message's colour: a severity, a recovery, or neither."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"
    RECOVERED = "recovered"
    NEUTRAL = "neutral"

    @classmethod
    def of(cls, severity: str) -> Tone:
        """That of a firing alert; an unknown severity is neutral."""
        return cls(severity) if severity in list(Severity) else cls.NEUTRAL


@dataclass(frozen=True, slots=True)
class Fact:
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Link:
    name: str
    url: str

    @classmethod
    def to(cls, name: str, url: str | None) -> Link | None:
        """A link to a web page; None for any other text, which a payload may have."""
        if not url or not url.startswith(("https://", "http://")):
            return None
        return cls(name, _UNSAFE.sub(lambda match: quote(match[0]), encodable(url)))


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a message: the most important line, facts about it, and text with line ends. A
    section with a heading is one of many and shown compactly, a minor one in small text."""

    heading: str = ""
    lead: str = ""
    facts: tuple[Fact, ...] = ()
    text: str = ""
    is_minor: bool = False

    def lines(self) -> Iterator[str]:
        yield from filter(None, (self.heading, self.lead))
        yield from (f"{fact.name}: {fact.text}" for fact in self.facts)
        if self.text:
            yield self.text


@dataclass(frozen=True, slots=True)
class Content:
    """`threads` are the ids of the episodes that the message belongs to; `is_markup` is true if a
    template wrote the body, which may use the markup of the receiver."""

    title: str
    tone: Tone = Tone.NEUTRAL
    sections: tuple[Section, ...] = ()
    links: tuple[Link, ...] = ()
    threads: tuple[str, ...] = ()
    is_markup: bool = False

    @property
    def body(self) -> str:
        """The message as plain text, without its title."""
        parts = ["\n".join(section.lines()) for section in self.sections]
        parts.append("\n".join(f"{link.name}: {link.url}" for link in self.links))
        return shortened("\n\n".join(filter(None, parts)), MAX_BODY)

    @property
    def lead(self) -> str:
        """The first lead of a section; empty if none has one."""
        return next((section.lead for section in self.sections if section.lead), "")

    def with_title(self, title: str) -> Self:
        return replace(self, title=title)

    def with_body(self, body: str) -> Self:
        """The content with the body of a template, which replaces sections and links."""
        return replace(self, sections=(Section(text=body),), links=(), is_markup=True)

    def with_note(self, note: str) -> Self:
        return replace(self, sections=(*self.sections, Section(text=note)))


def shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def encodable(text: str) -> str:
    """The text with a replacement for each half of a surrogate pair, which nothing can encode."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
