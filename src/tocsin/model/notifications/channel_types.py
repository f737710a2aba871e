"""The types of a channel's settings, each with its rules."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated

from pydantic import AfterValidator, SecretStr
from pydantic import Field as Member

from tocsin.model.notifications.kept_secrets import MASK
from tocsin.model.web_urls import split_url

SECRET_PREFIX = "whsec_"
MAX_URL = 2_000

_RESERVED = {"host", "connection", "content-length", "content-type", "transfer-encoding"}
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_ADDRESS = re.compile(r"[^@\s<>()\[\],;:\"\\]{1,64}@[^@\s<>()\[\],;:\"\\]{1,255}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")


def _not_masked(secret: SecretStr) -> SecretStr:
    if secret.get_secret_value() == MASK:
        raise ValueError(
            f"{MASK} keeps the former secret of a channel as long as scheme, host and port stay: "
            "give the secret itself for another host"
        )
    return secret


def _target(url: str) -> str:
    """The address of the host is checked when a connection is opened, not here."""
    parts = split_url(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be a URL with http or https, such as https://example.com/hook")
    if "@" in parts.netloc:
        raise ValueError("must have no user and password in it: send them as a header")
    return url


def _secret_target(url: SecretStr) -> SecretStr:
    _target(url.get_secret_value())
    return url


def signing_key(secret: SecretStr) -> SecretStr:
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
        raise ValueError("is not a name of a header")
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


def apprise_url(url: SecretStr) -> SecretStr:
    if not _SCHEME.fullmatch(url.get_secret_value()):
        raise ValueError("must be a URL of Apprise, such as tgram://token/chat")
    return url


def routing_key(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not text or not text.isascii() or not text.isalnum():
        raise ValueError(
            "must be the integration key of PagerDuty's Events API v2, 32 letters and digits"
        )
    return secret


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
