"""A message to an incoming webhook of Slack, or of what takes the same, such as Mattermost."""

from __future__ import annotations

import re

import msgspec

from tocsin.model.notifications.channel import SlackSettings
from tocsin.model.notifications.delivery import SendResult
from tocsin.model.notifications.message import Message, one_line
from tocsin.notifications.senders.http import Posting

MAX_TEXT = 35_000
"""In UTF-16 code units, as a JavaScript client counts; Slack itself cuts at 40,000."""

# What Slack asks to be escaped, and nothing else.
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
# Slack has no escape for the marks of its own markup, so the title shows their doubles. An
# underscore within a word is no mark.
_DOUBLES = str.maketrans({"*": "∗", "`": "ˋ", "~": "∼"})
_UNDERSCORE_MARK = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_LAST_BMP = "\uffff"


class SlackSender:
    def __init__(self, posting: Posting) -> None:
        self._posting = posting

    async def send(self, settings: SlackSettings, message: Message) -> SendResult:
        body = msgspec.json.encode({"text": text_of(message)})
        return await self._posting.post(
            settings.webhook_url.get_secret_value(), body, {}, message.at
        )


def text_of(message: Message) -> str:
    """The title in bold and the body, escaped, at most `MAX_TEXT` long."""
    title = one_line(message.title).translate(_DOUBLES)
    title = _escaped(_UNDERSCORE_MARK.sub("ˍ", title), MAX_TEXT)
    head = f"*{title}*\n" if title else ""
    return head + _escaped(message.body, MAX_TEXT - _units(head))


def _escaped(text: str, longest: int) -> str:
    """The text with its entities, cut between characters where it is too long."""
    whole = text.translate(_ENTITIES)
    if _units(whole) <= longest:
        return whole
    pieces: list[str] = []
    room = longest - len("…")
    for char in text:
        piece = char.translate(_ENTITIES)
        room -= _units(piece)
        if room < 0:
            break
        pieces.append(piece)
    return "".join(pieces) + "…"


def _units(text: str) -> int:
    return len(text) + sum(char > _LAST_BMP for char in text)
