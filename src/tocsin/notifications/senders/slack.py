"""Sends messages to incoming webhooks of Slack, and of compatible servers such as Mattermost."""

from __future__ import annotations

import re

import msgspec

from tocsin.model.notifications.channel import SlackSettings
from tocsin.model.notifications.delivery import SendResult
from tocsin.model.notifications.message import Message, one_line
from tocsin.notifications.senders.http import HttpClient

MAX_TEXT = 35_000
"""In UTF-16 code units, as a JavaScript client counts; Slack itself cuts at 40,000."""

# Slack requires these to be escaped, and no others.
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
# Slack has no escape for the marks of its markup, so the title shows similar characters. An
# underscore within a word is no mark.
_LOOKALIKES = str.maketrans({"*": "∗", "`": "ˋ", "~": "∼"})
_UNDERSCORE_MARK = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_LAST_BMP = "\uffff"


class SlackSender:
    def __init__(self, http: HttpClient) -> None:
        self._http = http

    async def send(self, settings: SlackSettings, message: Message) -> SendResult:
        body = msgspec.json.encode({"text": text_of(message)})
        return await self._http.post(settings.webhook_url.get_secret_value(), body, {}, message.at)


def text_of(message: Message) -> str:
    """The title in bold and the body, escaped, at most `MAX_TEXT` long."""
    title = one_line(message.title).translate(_LOOKALIKES)
    title = _escaped(_UNDERSCORE_MARK.sub("ˍ", title), MAX_TEXT)
    head = f"*{title}*\n" if title else ""
    return head + _escaped(message.body, MAX_TEXT - _units(head))


def _escaped(text: str, longest: int) -> str:
    """The text with entities, cut between characters if it is too long."""
    whole = text.translate(_ENTITIES)
    if _units(whole) <= longest:
        return whole
    escaped: list[str] = []
    room = longest - len("…")
    for char in text:
        entity = char.translate(_ENTITIES)
        room -= _units(entity)
        if room < 0:
            break
        escaped.append(entity)
    return "".join(escaped) + "…"


def _units(text: str) -> int:
    return len(text) + sum(char > _LAST_BMP for char in text)
