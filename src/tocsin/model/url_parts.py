"""The parts of the URL of a server, with user, password and database.

Errors say what would be right, and never quote the URL, which may contain a password. They continue
a sentence that begins with the name of a setting.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

_ENCODED = "a user or password with one of the characters /?#@:% must have it percent-encoded"


@dataclass(frozen=True, slots=True)
class UrlParts:
    """User, password and database are decoded; missing parts are None."""

    scheme: str
    host: str | None
    port: int | None
    database: str
    user: str | None
    password: str | None = field(repr=False)
    options: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str, schemes: Collection[str], kind: str, example: str) -> UrlParts:
        """Split a URL that has one of the schemes and names a database; raises ValueError.

        `kind` is the kind of the server, such as `a PostgreSQL database`.
        """
        url = _split(text.strip(), schemes, f"must be the URL of {kind}, such as {example}")
        port = _port(url)
        if url.fragment:
            raise ValueError(f"must have no # in it, except as %23; {_ENCODED}")
        parts = cls(
            url.scheme,
            url.hostname,
            port,
            _database(url, example),
            None if url.username is None else unquote(url.username),
            None if url.password is None else unquote(url.password),
            tuple(parse_qsl(url.query, keep_blank_values=True)),
        )
        _require_printable(parts)
        return parts


def _split(text: str, schemes: Collection[str], rule: str) -> SplitResult:
    if not text.isprintable() or " " in text:
        raise ValueError("must have no spaces or control characters in it")
    scheme, separator, _ = text.partition("://")
    if not separator or scheme not in schemes:
        raise ValueError(rule)
    try:
        return urlsplit(text)
    except ValueError:
        raise ValueError(rule) from None


def _port(url: SplitResult) -> int | None:
    # A reserved character in a password looks like the beginning of the next part.
    try:
        port = url.port
    except ValueError:
        port = 0
    if port == 0 or "," in url.netloc.rpartition("@")[2]:
        raise ValueError(f"must name one host, with a port from 1 to 65535 or none; {_ENCODED}")
    return port


def _database(url: SplitResult, example: str) -> str:
    name = url.path.removeprefix("/")
    if not name or "/" in name or "@" in name:
        raise ValueError(f"must end with the name of a database, such as {example}; {_ENCODED}")
    return unquote(name)


def _require_printable(parts: UrlParts) -> None:
    texts = (parts.database, parts.user, parts.password, *(text for _, text in parts.options))
    if not all(text is None or text.isprintable() for text in texts):
        raise ValueError("must have no control characters in it, not even percent-encoded")
