"""Forms as a browser fills and sends them: what the HTML standard does to values on the way.

A page has no CR and no NUL, the first line end of a text area is dropped, an input has one line,
a choice without a chosen option has the first, and line ends are sent as CRLF.
"""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urlencode

Pairs = list[tuple[str, str]]
Attributes = list[tuple[str, str | None]]


class _Reader(HTMLParser):
    """Collects what the form of a definition holds."""

    def __init__(self) -> None:
        super().__init__()
        self.pairs: Pairs = []
        self._is_within = False
        self._inert = 0
        self._area: tuple[str, list[str]] | None = None
        self._options: list[tuple[str | None, bool, list[str]]] = []
        self._select = ""

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        attributes = dict(attrs)
        if tag == "form":
            self._is_within = "stack" in (attributes.get("class") or "").split()
        self._inert += tag == "template"
        if not self._is_within or self._inert:
            return
        name = attributes.get("name") or ""
        if tag == "input":
            self._input(name, attributes)
        elif tag == "textarea":
            self._area = name, []
        elif tag == "select":
            self._select, self._options = name, []
        elif tag == "option":
            self._options.append((attributes.get("value"), "selected" in attributes, []))

    def _input(self, name: str, attributes: dict[str, str | None]) -> None:
        kind, value = attributes.get("type", "text"), attributes.get("value") or ""
        if kind == "checkbox":
            self.pairs += [(name, value or "on")] if "checked" in attributes else []
        else:
            self.pairs.append((name, value if kind == "hidden" else value.replace("\n", "")))

    def handle_data(self, data: str) -> None:
        if self._area:
            self._area[1].append(data)
        elif self._options:
            self._options[-1][2].append(data)

    def handle_endtag(self, tag: str) -> None:
        self._inert -= tag == "template"
        if tag == "form":
            self._is_within = False
        elif tag == "textarea" and self._area:
            self.pairs.append((self._area[0], "".join(self._area[1]).removeprefix("\n")))
            self._area = None
        elif tag == "select" and self._options:
            chosen = next((choice for choice in self._options if choice[1]), self._options[0])
            text = " ".join("".join(chosen[2]).split())
            self.pairs.append((self._select, text if chosen[0] is None else chosen[0]))
            self._options = []


def filled(page: str) -> Pairs:
    """The names and values of the form of a page, nothing changed."""
    reader = _Reader()
    reader.feed(page.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd"))
    return reader.pairs


def sent(pairs: Pairs) -> str:
    """The body of the request."""
    return urlencode([(name, value.replace("\n", "\r\n")) for name, value in pairs])
