"""Sends messages to incoming webhooks of Slack, and of compatible servers such as Mattermost."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msgspec

from tocsin.model.notifications.channel import SlackSettings
from tocsin.model.notifications.content import Content
from tocsin.model.notifications.delivery import SendResult
from tocsin.model.notifications.message import Message, one_line
from tocsin.notifications.senders.colors import COLORS
from tocsin.notifications.senders.http import HttpClient
from tocsin.notifications.senders.slack_blocks import blocks_of
from tocsin.notifications.senders.slack_text import bold, escaped, units

MAX_TEXT = 35_000
"""Of title and body together, in UTF-16 code units; Slack itself cuts at 40,000."""

_MAX_FALLBACK = 1_000
_SLACK = (".slack.com", ".slack-gov.com")


class SlackSender:
    def __init__(self, http: HttpClient) -> None:
        self._http = http

    async def send(self, settings: SlackSettings, message: Message) -> SendResult:
        url = settings.webhook_url.get_secret_value()
        body = msgspec.json.encode(body_of(message.content, url))
        return await self._http.post(url, body, {}, message.at)


def body_of(content: Content, url: str) -> dict[str, Any]:
    """The blocks in an attachment, because only those have a coloured bar. Compatible servers know
    no blocks, so they get the text as well, which Slack would show twice."""
    attachment = {
        "color": COLORS[content.tone],
        "fallback": _fallback(content),
        "blocks": blocks_of(content),
    }
    if (urlsplit(url).hostname or "").endswith(_SLACK):
        return {"attachments": [attachment]}
    title = bold(content.title, MAX_TEXT)
    text = escaped(content.body, MAX_TEXT - units(title) - len("\n"))
    return {"text": title, "attachments": [{**attachment, "text": text}]}


def _fallback(content: Content) -> str:
    """The text of a notification: the title and the first line."""
    first = content.lead or content.body.partition("\n")[0]
    return escaped(one_line(f"{content.title} – {first}"), _MAX_FALLBACK)
