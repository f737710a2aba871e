"""The HTML part of an email: one card with inline styles, without any remote content.

Clients drop style sheets and media queries they do not know, so the inline styles make a complete
light design; the style sheet adds the dark one.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from tocsin.model.notifications.content import Content, Fact, Link, Section, shortened
from tocsin.model.notifications.message import one_line, printable_lines
from tocsin.notifications.senders.colors import COLORS

_MAX_TEXTS = 40_000
"""The maximum length of all texts; Gmail clips messages that are longer than 102 KB."""

# The facts of one table, and the maximum length of each, so that a part of them fits.
_FACTS = 10
_MAX_FACT = 600

_FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_BREAK = "white-space:pre-wrap;word-break:break-word;overflow-wrap:anywhere"
_DARK = """
:root { color-scheme: light dark; supported-color-schemes: light dark; }
@media (prefers-color-scheme: dark) {
  .page { background: #16181d !important; }
  .card { background: #22252c !important; border-left-color: #343842 !important;
    border-right-color: #343842 !important; border-bottom-color: #343842 !important; }
  .text { color: #eceef2 !important; }
  .quiet { color: #a3aab8 !important; }
  .line { border-color: #343842 !important; }
  .link { color: #8ab4ff !important; border-color: #4a5060 !important; }
}
@media (max-width: 480px) {
  .name, .value { display: block !important; width: auto !important; }
  .name { padding-bottom: 0 !important; }
  .value { padding-top: 0 !important; border-top: 0 !important; }
}
"""


def html_of(content: Content) -> str:
    """The whole document."""
    rows = "".join(_row(part) for part in _limited(_parts(content)))
    title = _text(one_line(content.title))
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>{title}</title><style>{_DARK}</style></head>
<body class="page" style="margin:0;padding:0;background:#f3f4f7">
<div style="display:none;max-height:0;overflow:hidden">{_text(_preview(content))}</div>
<table role="presentation" class="page" width="100%" cellpadding="0" cellspacing="0" \
style="background:#f3f4f7"><tr><td align="center" style="padding:24px 12px">
<table role="presentation" class="card" width="100%" cellpadding="0" cellspacing="0" \
style="max-width:600px;background:#ffffff;border:1px solid #dfe2e8;\
border-top:5px solid {COLORS[content.tone]};border-radius:6px;{_FONT}">
{rows}<tr><td style="padding:0 0 20px"></td></tr></table>
<p class="quiet" style="margin:14px 0 0;color:#697180;font-size:12px;{_FONT}">Sent by Tocsin</p>
</td></tr></table>
</body></html>
"""


def _preview(content: Content) -> str:
    """The text that a list of messages shows beside the subject."""
    lead = next((section.lead for section in content.sections if section.lead), "")
    return one_line(lead or content.body[:200])


def _parts(content: Content) -> Iterator[str]:
    if title := one_line(content.title):
        style = f"margin:0;color:#191c22;font-size:19px;line-height:26px;{_BREAK}"
        yield f'<h1 class="text" style="{style}">{_text(title)}</h1>'
    for section in content.sections:
        yield from _section(section)
    if content.links:
        yield "".join(map(_link, content.links))


def _limited(parts: Iterator[str]) -> Iterator[str]:
    room = _MAX_TEXTS
    for part in parts:
        room -= len(part)
        if room < 0:
            yield _paragraph("… The message was shortened.", is_quiet=True)
            return
        yield part


def _section(section: Section) -> Iterator[str]:
    if section.heading:
        yield "".join(_compact(section))
    else:
        yield from _spacious(section)
    if section.text:
        yield _paragraph(printable_lines(section.text))


def _spacious(section: Section) -> Iterator[str]:
    if section.lead:
        yield _paragraph(one_line(section.lead), "font-size:17px;line-height:24px;font-weight:600")
    for start in range(0, len(section.facts), _FACTS):
        facts = section.facts[start : start + _FACTS]
        yield _minor(facts) if section.is_minor else _facts(facts)


def _compact(section: Section) -> Iterator[str]:
    """The heading, the lead and the facts, each in one paragraph."""
    yield _paragraph(one_line(shortened(section.heading, _MAX_FACT)), "font-weight:600")
    if section.lead:
        yield _paragraph(one_line(shortened(section.lead, _MAX_FACT)))
    if section.facts:
        line = " · ".join(f"{fact.name}: {fact.text}" for fact in section.facts)
        text = one_line(shortened(line, _MAX_FACT))
        yield _paragraph(text, "font-size:13px;line-height:20px", is_quiet=True)


def _row(part: str) -> str:
    return f'<tr><td style="padding:16px 22px 0">{part}</td></tr>\n'


def _paragraph(text: str, style: str = "", *, is_quiet: bool = False) -> str:
    name, color = ("quiet", "#697180") if is_quiet else ("text", "#191c22")
    style = f"margin:0;color:{color};font-size:15px;line-height:22px;{_BREAK};{style}"
    return f'<p class="{name}" style="{style}">{_text(text)}</p>'


def _facts(facts: tuple[Fact, ...]) -> str:
    rows = "".join(map(_fact, facts))
    return (
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" '
        f'style="border-collapse:collapse;font-size:14px;line-height:20px">{rows}</table>'
    )


def _fact(fact: Fact) -> str:
    cell = f"padding:6px 0;vertical-align:top;border-top:1px solid #e8eaef;{_BREAK}"
    return (
        f'<tr><td class="name quiet line" width="36%" style="{cell};padding-right:14px;'
        f'color:#697180">{_text(one_line(shortened(fact.name, _MAX_FACT)))}</td>'
        f'<td class="value text line" style="{cell};color:#191c22">'
        f"{_text(printable_lines(shortened(fact.text, _MAX_FACT)))}</td></tr>"
    )


def _minor(facts: tuple[Fact, ...]) -> str:
    style = (
        "display:inline-block;margin:0 6px 6px 0;padding:2px 8px;border:1px solid #dfe2e8;"
        f"border-radius:4px;color:#697180;font-size:12px;line-height:18px;{_BREAK}"
    )
    texts = (one_line(f"{fact.name}: {fact.text}") for fact in facts)
    return "".join(
        f'<span class="quiet line" style="{style}">{_text(text)}</span>' for text in texts
    )


def _link(link: Link) -> str:
    style = (
        "display:inline-block;margin:0 10px 6px 0;padding:8px 14px;border:1px solid #c3c8d2;"
        "border-radius:5px;color:#1f5fc4;font-size:14px;line-height:20px;text-decoration:none"
    )
    url, name = escape(link.url), _text(f"Open the {link.name.lower()}")
    return f'<a class="link" href="{url}" style="{style}">{name}</a>'


def _text(text: str) -> str:
    """Escaped text, whose line ends every client shows."""
    return escape(shortened(text, _MAX_TEXTS)).replace("\n", "<br>")
