"""Where is somebody told: a webhook, Slack, email, or whatever Apprise reaches.

The four differ in their settings only, so what a caller may say is one model for each kind.
Secrets are `SecretStr`, which neither a log nor a traceback shows; `masked` is what the API says
of settings, and `with_secrets` what the store keeps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr, StrictBool, ValidationError
from pydantic import Field as Member
from pydantic.alias_generators import to_camel

from tocsin.errors import InvalidInput, Problem
from tocsin.model.notifications.apprise_url import named_files
from tocsin.model.notifications.channel_types import (
    MAX_URL,
    Address,
    Headers,
    Secret,
    SecretUrl,
    Url,
    apprise_url,
    signing_key,
)
from tocsin.model.notifications.kept_secrets import MASK, is_masked_url, masked_url, with_kept
from tocsin.model.validation import problems_of

_PARTS = re.compile(r"[/:@?&=#]+")
_TELLING = 8


class ChannelKind(StrEnum):
    WEBHOOK = "webhook"
    SLACK = "slack"
    EMAIL = "email"
    APPRISE = "apprise"


class _Settings(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )

    def masked(self) -> dict[str, Any]:
        """The settings as the API answers them, each secret as `***`."""
        return {name: _plain(value, mask=True) for name, value in self._members()}

    def masked_for_readers(self) -> dict[str, Any]:
        """The settings as a key that may only read sees them."""
        return self.masked()

    def with_secrets(self) -> dict[str, Any]:
        """The settings with their secrets: for the store, and for a sender."""
        return {name: _plain(value, mask=False) for name, value in self._members()}

    def reason_not_to_save(self) -> str | None:
        """Why the URL of a new or changed channel is refused, if it is."""
        return None

    def secrets(self) -> Iterator[str]:
        """What must not stand in an error that is kept; of a secret URL its parts neither."""
        for _, value in self._members():
            for one in value.values() if isinstance(value, dict) else [value]:
                if isinstance(one, SecretStr):
                    yield (secret := one.get_secret_value())
                    yield from _parts(secret, _TELLING)

    def _members(self) -> Iterator[tuple[str, Any]]:
        for name, info in type(self).model_fields.items():
            yield info.alias or name, getattr(self, name)


def _parts(text: str, shortest: int) -> Iterator[str]:
    return (part for part in _PARTS.split(text) if len(part) >= shortest)


def _plain(value: Any, *, mask: bool) -> Any:
    if isinstance(value, SecretStr):
        return MASK if mask else value.get_secret_value()
    if isinstance(value, dict):
        return {name: _plain(one, mask=mask) for name, one in value.items()}
    return list(value) if isinstance(value, tuple) else value


class WebhookSettings(_Settings):
    """A POST, signed as Standard Webhooks has it; a secret that is left out is made up."""

    url: Url
    headers: Annotated[Headers, Member(max_length=20)] = {}
    secret: Annotated[Secret, AfterValidator(signing_key)] | None = None

    def masked_for_readers(self) -> dict[str, Any]:
        """Without the path of the URL: for Teams, Discord or Zapier it is the secret."""
        return {**self.masked(), "url": masked_url(self.url)}

    def reason_not_to_save(self) -> str | None:
        if is_masked_url(self.url):
            return f"is shown with /{MASK} to keys that may only read: give the URL itself"
        return None

    def secrets(self) -> Iterator[str]:
        yield from super().secrets()
        # Short parts of a path are words, such as `webhooks`.
        yield from _parts(urlsplit(self.url).path, 2 * _TELLING)
        yield from _parts(urlsplit(self.url).query, _TELLING)


class SlackSettings(_Settings):
    webhook_url: SecretUrl


class EmailSettings(_Settings):
    """The server that sends it stands in the settings of the service."""

    to: Annotated[tuple[Address, ...], Member(min_length=1, max_length=50)]


class AppriseSettings(_Settings):
    url: Annotated[Secret, Member(max_length=MAX_URL), AfterValidator(apprise_url)]

    def reason_not_to_save(self) -> str | None:
        found = named_files(self.url.get_secret_value())
        return f"must not name files of the server: {', '.join(sorted(found))}" if found else None


AnyChannelSettings = WebhookSettings | SlackSettings | EmailSettings | AppriseSettings


class _Draft(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Member(min_length=1, max_length=200)]
    enabled: StrictBool = True


class WebhookDraft(_Draft):
    kind: Literal[ChannelKind.WEBHOOK]
    settings: WebhookSettings


class SlackDraft(_Draft):
    kind: Literal[ChannelKind.SLACK]
    settings: SlackSettings


class EmailDraft(_Draft):
    kind: Literal[ChannelKind.EMAIL]
    settings: EmailSettings


class AppriseDraft(_Draft):
    kind: Literal[ChannelKind.APPRISE]
    settings: AppriseSettings


ChannelDraft = WebhookDraft | SlackDraft | EmailDraft | AppriseDraft
DRAFTS: Mapping[str, type[ChannelDraft]] = {
    ChannelKind.WEBHOOK: WebhookDraft,
    ChannelKind.SLACK: SlackDraft,
    ChannelKind.EMAIL: EmailDraft,
    ChannelKind.APPRISE: AppriseDraft,
}


class Channel(BaseModel):
    """A channel as it is kept. One that is disabled sends nothing: what is pending waits, what
    arrives is skipped. One that rests sends nothing either, as its receiver asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel_id: UUID
    spec: ChannelDraft
    disabled_reason: str | None = None
    resting_until: datetime | None = None
    created_date: datetime
    modified_date: datetime

    @property
    def kind(self) -> ChannelKind:
        return self.spec.kind

    @property
    def skip_reason(self) -> str | None:
        """Why what arrives now is not delivered; None for a channel that is enabled."""
        if self.spec.enabled:
            return None
        reason = f": {self.disabled_reason}" if self.disabled_reason else ""
        return f"The channel was disabled{reason}"

    def rests_until(self, at: datetime) -> datetime | None:
        """The end of the rest that the channel is in at an instant, if it is in one."""
        return self.resting_until if self.resting_until and self.resting_until > at else None

    def next_attempt(self, due: datetime) -> datetime | None:
        """When a delivery that is due then is tried; None while the channel is disabled."""
        if not self.spec.enabled:
            return None
        return max(due, self.resting_until) if self.resting_until else due


def read_channel(body: Any, former: Channel | None = None) -> ChannelDraft:
    """What a caller says of a channel; InvalidInput holds everything that is wrong.

    A secret of the former channel is kept where `***` stands for it, or where it is left out, as
    long as the target stays.
    """
    if not isinstance(body, dict):
        raise InvalidInput.at("", "must be a JSON object")
    draft = DRAFTS.get(body["kind"]) if isinstance(body.get("kind"), str) else None
    if draft is None:
        raise InvalidInput.at("kind", f"must be one of {', '.join(ChannelKind)}")
    if former and former.kind == body["kind"] and isinstance(body.get("settings"), dict):
        body = {
            **body,
            "settings": with_kept(body["settings"], former.spec.settings.with_secrets()),
        }
    try:
        channel = draft.model_validate(body)
    except ValidationError as error:
        raise InvalidInput(problems=problems_of(error)) from error
    # Not a rule of the settings: what is stored already must stay readable.
    if reason := channel.settings.reason_not_to_save():
        raise InvalidInput(problems=[Problem("settings.url", reason)])
    return channel
