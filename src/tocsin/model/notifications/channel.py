"""Channels: a webhook, Slack, email, PagerDuty, or any service that Apprise reaches.

The kinds differ only in their settings, so each has a draft of its own. Secrets are `SecretStr`,
which neither a log nor a traceback shows; `masked` returns the settings for the API, and
`with_secrets` those for the store.
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
from tocsin.model.merge_patch import patched
from tocsin.model.notifications.apprise_url import named_files
from tocsin.model.notifications.channel_types import (
    MAX_URL,
    Address,
    Headers,
    Secret,
    SecretUrl,
    Url,
    apprise_url,
    routing_key,
    signing_key,
)
from tocsin.model.notifications.kept_secrets import (
    MASK,
    PAGERDUTY_URL,
    is_masked_url,
    masked_url,
    with_kept,
)
from tocsin.model.slug import KeyedDraft
from tocsin.model.validation import nul_problems, problems_of

_PARTS = re.compile(r"[/:@?&=#]+")
_IDENTIFYING_LENGTH = 8


class ChannelKind(StrEnum):
    WEBHOOK = "webhook"
    SLACK = "slack"
    EMAIL = "email"
    APPRISE = "apprise"
    PAGERDUTY = "pagerduty"


class _Settings(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )

    def masked(self) -> dict[str, Any]:
        """The settings as the API answers them, each secret as `***`."""
        return {name: _plain(value, mask=True) for name, value in self._members()}

    def masked_for_readers(self) -> dict[str, Any]:
        """The settings for keys with the role read."""
        return self.masked()

    def with_secrets(self) -> dict[str, Any]:
        """The settings with their secrets: for the store, and for a sender."""
        return {name: _plain(value, mask=False) for name, value in self._members()}

    def reason_not_to_save(self) -> str | None:
        """The reason why the URL of a new or changed channel is rejected, or None."""
        return None

    def secrets(self) -> Iterator[str]:
        """Texts that a stored error must not contain: secrets, and the parts of secret URLs."""
        for _, value in self._members():
            for member in value.values() if isinstance(value, dict) else [value]:
                if isinstance(member, SecretStr):
                    yield (secret := member.get_secret_value())
                    yield from _parts(secret, _IDENTIFYING_LENGTH)

    def _members(self) -> Iterator[tuple[str, Any]]:
        for name, info in type(self).model_fields.items():
            yield info.alias or name, getattr(self, name)


def _parts(text: str, shortest: int) -> Iterator[str]:
    return (part for part in _PARTS.split(text) if len(part) >= shortest)


def _plain(value: Any, *, mask: bool) -> Any:
    if isinstance(value, SecretStr):
        return MASK if mask else value.get_secret_value()
    if isinstance(value, dict):
        return {name: _plain(member, mask=mask) for name, member in value.items()}
    return list(value) if isinstance(value, tuple) else value


class WebhookSettings(_Settings):
    """A POST, signed as Standard Webhooks defines it; a missing secret is generated."""

    url: Url
    headers: Annotated[Headers, Member(max_length=20)] = {}
    secret: Annotated[Secret, AfterValidator(signing_key)] | None = None

    def masked_for_readers(self) -> dict[str, Any]:
        """The settings without the path of the URL, which is the secret of Teams, Discord or
        Zapier."""
        return {**self.masked(), "url": masked_url(self.url)}

    def reason_not_to_save(self) -> str | None:
        if is_masked_url(self.url):
            return f"is shown with /{MASK} to keys that may only read: give the URL itself"
        return None

    def secrets(self) -> Iterator[str]:
        yield from super().secrets()
        # Short parts of a path are words, such as `webhooks`.
        yield from _parts(urlsplit(self.url).path, 2 * _IDENTIFYING_LENGTH)
        yield from _parts(urlsplit(self.url).query, _IDENTIFYING_LENGTH)


class SlackSettings(_Settings):
    webhook_url: SecretUrl


class EmailSettings(_Settings):
    """The SMTP server is a setting of the service."""

    to: Annotated[tuple[Address, ...], Member(min_length=1, max_length=50)]


class AppriseSettings(_Settings):
    url: Annotated[Secret, Member(max_length=MAX_URL), AfterValidator(apprise_url)]

    def reason_not_to_save(self) -> str | None:
        files = named_files(self.url.get_secret_value())
        return f"must not name files of the server: {', '.join(sorted(files))}" if files else None


class PagerDutySettings(_Settings):
    """The integration key of a service, and the endpoint of its region."""

    routing_key: Annotated[Secret, Member(max_length=100), AfterValidator(routing_key)]
    url: Url = PAGERDUTY_URL


AnyChannelSettings = (
    WebhookSettings | SlackSettings | EmailSettings | AppriseSettings | PagerDutySettings
)


class _Draft(KeyedDraft):
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


class PagerDutyDraft(_Draft):
    kind: Literal[ChannelKind.PAGERDUTY]
    settings: PagerDutySettings


ChannelDraft = WebhookDraft | SlackDraft | EmailDraft | AppriseDraft | PagerDutyDraft
DRAFTS: Mapping[str, type[ChannelDraft]] = {
    ChannelKind.WEBHOOK: WebhookDraft,
    ChannelKind.SLACK: SlackDraft,
    ChannelKind.EMAIL: EmailDraft,
    ChannelKind.APPRISE: AppriseDraft,
    ChannelKind.PAGERDUTY: PagerDutyDraft,
}


class Channel(BaseModel):
    """A channel as it is stored. A disabled channel sends nothing: its pending deliveries wait, new
    ones are skipped. A channel also pauses after a Retry-After header of its receiver."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel_id: UUID
    spec: ChannelDraft
    disabled_reason: str | None = None
    pause_ends_at: datetime | None = None
    created_date: datetime
    modified_date: datetime

    @property
    def kind(self) -> ChannelKind:
        return self.spec.kind

    @property
    def key(self) -> str | None:
        return self.spec.key

    @property
    def managed_by(self) -> str | None:
        return self.spec.managed_by

    @property
    def skip_reason(self) -> str | None:
        """The reason why new deliveries are skipped; None for an enabled channel."""
        if self.spec.enabled:
            return None
        reason = f": {self.disabled_reason}" if self.disabled_reason else ""
        return f"The channel was disabled{reason}"

    def passes_silences(self, *, is_recovery: bool) -> bool:
        """Whether silences let a transition pass: a recovery makes no noise, and closes an incident
        that would stay open."""
        return is_recovery and self.kind is ChannelKind.PAGERDUTY

    def paused_until(self, at: datetime) -> datetime | None:
        """The end of the pause at this instant, or None."""
        return self.pause_ends_at if self.pause_ends_at and self.pause_ends_at > at else None

    def next_attempt(self, due: datetime) -> datetime | None:
        """When a delivery that is due at `due` is sent; None while the channel is disabled."""
        if not self.spec.enabled:
            return None
        return max(due, self.pause_ends_at) if self.pause_ends_at else due


def patched_channel(spec: ChannelDraft, patch: Any) -> dict[str, Any]:
    """A channel with the members of a JSON Merge Patch, for `read_channel`, its secrets as `***`.

    A webhook always has a secret, so null does not remove it but has a new one generated, as in a
    whole definition.
    """
    document: dict[str, Any] = {"name": spec.name, "kind": spec.kind.value}
    document |= {"enabled": spec.enabled, "key": spec.key, "managedBy": spec.managed_by}
    body = patched({**document, "settings": spec.settings.masked()}, patch)
    settings = patch.get("settings")
    generates = isinstance(settings, dict) and settings.get("secret", MASK) is None
    if generates and body.get("kind") == ChannelKind.WEBHOOK:
        body["settings"]["secret"] = None
    return body


def read_channel(body: Any, former: Channel | None = None) -> ChannelDraft:
    """Validate a channel; raises InvalidInput with every problem.

    `***` or a missing secret keeps the secret of the former channel, as long as the target stays.
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
    problems = list(nul_problems(body, "name", "settings.url"))
    try:
        channel = draft.model_validate(body)
    except ValidationError as error:
        raise InvalidInput(problems=problems_of(error) + problems) from error
    if problems:
        raise InvalidInput(problems=problems)
    # Not a validator of the settings: stored channels must remain readable.
    if reason := channel.settings.reason_not_to_save():
        raise InvalidInput(problems=[Problem("settings.url", reason)])
    return channel
