"""The part of the alert form that creates a channel in place, without leaving the form.

Its button submits the whole form, which is shown again with the new channel checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tocsin.api.channels import generates_secret
from tocsin.errors import InvalidInput, Problem
from tocsin.model.notifications.channel import Channel, ChannelKind, read_channel
from tocsin.process.audit import Actor
from tocsin.runtime import Runtime
from tocsin.web.forms import Form

BUTTON = "createChannel"
PREFIX = "newChannel"
_TARGETS = {
    ChannelKind.SLACK: "webhookUrl",
    ChannelKind.EMAIL: "to",
    ChannelKind.PAGERDUTY: "routingKey",
}


@dataclass(frozen=True, slots=True)
class NewChannel:
    """A channel that the form has created, with its generated secret, which is shown once."""

    channel: Channel
    secret: str | None

    @property
    def id(self) -> str:
        return str(self.channel.channel_id)


def create_channel(runtime: Runtime, form: Form, actor: Actor) -> NewChannel:
    """Create the channel of the form; the paths of the problems begin with `newChannel`."""
    try:
        draft = read_channel(_channel_in(form))
    except InvalidInput as error:
        raise InvalidInput(
            problems=[Problem(f"{PREFIX}.{p.field}", p.message) for p in error.problems]
        ) from error
    channel = runtime.channel_service.create(draft, actor)
    revealed = channel.spec.settings.with_secrets() if generates_secret(draft) else {}
    return NewChannel(channel, revealed.get("secret"))


def _channel_in(form: Form) -> dict[str, Any]:
    kind, target = form.text(f"{PREFIX}.kind") or "", form.text(f"{PREFIX}.target")
    member = _TARGETS.get(kind, "url")  # type: ignore[call-overload]  # any text may be sent
    given: Any = target.split() if target and member == "to" else target
    return {
        "name": form.text(f"{PREFIX}.name"),
        "kind": kind,
        "settings": {member: given} if given else {},
    }
