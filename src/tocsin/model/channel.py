"""Where is somebody told: a webhook, Slack, email, or whatever Apprise reaches.

The four differ in their settings only, so what a caller may say is one model for each kind.
Secrets are `SecretStr`, which neither a log nor a traceback shows; `shown` is what the API says
of settings, and `revealed` what the store keeps.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr, StrictBool, ValidationError
from pydantic import Field as Member
from pydantic.alias_generators import to_camel

from tocsin.errors import InvalidInput
from tocsin.model.problems import problems_of

MASK = "***"
SECRET_PREFIX = "whsec_"
MAX_URL = 2_000

_RESERVED = {"host", "connection", "content-length", "content-type", "transfer-encoding"}
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_ADDRESS = re.compile(r"[^@\s<>()\[\],;:\"\\]{1,64}@[^@\s<>()\[\],;:\"\\]{1,255}")
_PARTS = re.compile(r"[/:@?&=#]+")
_TELLING = 8
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")


class ChannelKind(StrEnum):
    WEBHOOK = "webhook"
    SLACK = "slack"
    EMAIL = "email"
    APPRISE = "apprise"


def _not_masked(secret: SecretStr) -> SecretStr:
    if secret.get_secret_value() == MASK:
        raise ValueError(f"is shown as {MASK}: give the secret itself")
    return secret


def _target(url: str) -> str:
    """Where the URL leads is looked at when a connection is made, not here."""
    parts = _split(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be a URL with http or https, such as https://example.com/hook")
    if "@" in parts.netloc:
        raise ValueError("must have no user and password in it: send them as a header")
    return url


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"is no URL: {error}") from error
    if not url.isprintable() or " " in url:
        raise ValueError("must have no spaces or control characters in it")
    return parts


def _secret_target(url: SecretStr) -> SecretStr:
    _target(url.get_secret_value())
    return url


def _signing_key(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not text.startswith(SECRET_PREFIX) or not 24 <= len(key) <= 64:
        raise ValueError(f"must be {SECRET_PREFIX} and 24 to 64 bytes in base64, or be left out")
    return secret


def _header(name: str) -> str:
    if not _HEADER.fullmatch(name):
        raise ValueError("is no name of a header")
    if name.lower() in _RESERVED or name.lower().startswith("webhook-"):
        raise ValueError("is a header that Tocsin itself sends")
    return name


def _header_value(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text.isascii() or not text.isprintable():
        raise ValueError("must be printable ASCII")
    return value


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text) or not text.isprintable():
        raise ValueError("must be an email address, such as on-call@example.com")
    return text


def _apprise_url(url: SecretStr) -> SecretStr:
    if not _SCHEME.fullmatch(url.get_secret_value()):
        raise ValueError("must be a URL of Apprise, such as tgram://token/chat")
    return url


Secret = Annotated[SecretStr, AfterValidator(_not_masked)]
Url = Annotated[
    str, Member(max_length=MAX_URL), AfterValidator(_target), Member(examples=["https://a.example"])
]
SecretUrl = Annotated[Secret, Member(max_length=MAX_URL), AfterValidator(_secret_target)]
Headers = dict[
    Annotated[str, AfterValidator(_header)],
    Annotated[Secret, Member(max_length=4_000), AfterValidator(_header_value)],
]
Address = Annotated[str, AfterValidator(_address)]


class _Settings(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )

    def shown(self) -> dict[str, Any]:
        """The settings as the API answers them, each secret as `***`."""
        return {name: _plain(value, mask=True) for name, value in self._members()}

    def revealed(self) -> dict[str, Any]:
        """The settings with their secrets: for the store, and for a sender."""
        return {name: _plain(value, mask=False) for name, value in self._members()}

    def secrets(self) -> Iterator[str]:
        """What must not stand in an error that is kept; of a secret URL its parts neither."""
        for _, value in self._members():
            for one in value.values() if isinstance(value, dict) else [value]:
                if isinstance(one, SecretStr):
                    yield (secret := one.get_secret_value())
                    yield from (part for part in _PARTS.split(secret) if len(part) >= _TELLING)

    def _members(self) -> Iterator[tuple[str, Any]]:
        for name, info in type(self).model_fields.items():
            yield info.alias or name, getattr(self, name)


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
    secret: Annotated[Secret, AfterValidator(_signing_key)] | None = None


class SlackSettings(_Settings):
    webhook_url: SecretUrl


class EmailSettings(_Settings):
    """The server that sends it stands in the settings of the service."""

    to: Annotated[tuple[Address, ...], Member(min_length=1, max_length=50)]


class AppriseSettings(_Settings):
    url: Annotated[Secret, Member(max_length=MAX_URL), AfterValidator(_apprise_url)]


Settings = WebhookSettings | SlackSettings | EmailSettings | AppriseSettings


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
    said: ChannelDraft
    disabled_reason: str | None = None
    resting_until: datetime | None = None
    created_date: datetime
    modified_date: datetime

    @property
    def kind(self) -> ChannelKind:
        return self.said.kind

    @property
    def skip_reason(self) -> str | None:
        """Why what arrives now is not delivered; None for a channel that is enabled."""
        if self.said.enabled:
            return None
        reason = f": {self.disabled_reason}" if self.disabled_reason else ""
        return f"The channel was disabled{reason}"

    def rests_until(self, at: datetime) -> datetime | None:
        """The end of the rest that the channel is in at an instant, if it is in one."""
        return self.resting_until if self.resting_until and self.resting_until > at else None

    def next_attempt(self, due: datetime) -> datetime | None:
        """When a delivery that is due then is tried; None while the channel is disabled."""
        if not self.said.enabled:
            return None
        return max(due, self.resting_until) if self.resting_until else due


def read_channel(body: Any, former: Channel | None = None) -> ChannelDraft:
    """What a caller says of a channel; InvalidInput holds everything that is wrong.

    A secret of the former channel is kept where `***` stands for it, or where it is left out.
    """
    if not isinstance(body, dict):
        raise InvalidInput.at("", "must be a JSON object")
    draft = DRAFTS.get(body["kind"]) if isinstance(body.get("kind"), str) else None
    if draft is None:
        raise InvalidInput.at("kind", f"must be one of {', '.join(ChannelKind)}")
    if former and former.kind == body["kind"] and isinstance(body.get("settings"), dict):
        body = {**body, "settings": _with_kept(body["settings"], former.said.settings.revealed())}
    try:
        return draft.model_validate(body)
    except ValidationError as error:
        raise InvalidInput(problems=problems_of(error)) from error


def _with_kept(sent: dict[str, Any], former: Mapping[str, Any]) -> dict[str, Any]:
    kept = {"secret": former["secret"]} if "secret" in former else {}
    return kept | {name: _kept(value, former.get(name)) for name, value in sent.items()}


def _kept(sent: Any, former: Any) -> Any:
    if isinstance(sent, dict) and isinstance(former, dict):
        return {name: _kept(value, former.get(name)) for name, value in sent.items()}
    return former if sent == MASK and isinstance(former, str) else sent
