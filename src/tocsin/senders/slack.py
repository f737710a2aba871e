"""A message to an incoming webhook of Slack, or of what takes the same, such as Mattermost."""

from __future__ import annotations

import msgspec

from tocsin.model.channel import SlackSettings
from tocsin.model.delivery import Receipt
from tocsin.model.message import Message
from tocsin.senders.posting import Posting

# What Slack asks to be escaped, and nothing else: in this order, or the ampersands of the others
# would be escaped too.
_ESCAPES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))
_MAX_TEXT = 35_000


class SlackSender:
    def __init__(self, posting: Posting) -> None:
        self._posting = posting

    async def send(self, settings: SlackSettings, message: Message) -> Receipt:
        text = f"*{_escaped(message.title)}*\n{_escaped(message.body)}"[:_MAX_TEXT]
        body = msgspec.json.encode({"text": text})
        return await self._posting.post(
            settings.webhook_url.get_secret_value(), body, {}, message.at
        )


def _escaped(text: str) -> str:
    for mark, entity in _ESCAPES:
        text = text.replace(mark, entity)
    return text
