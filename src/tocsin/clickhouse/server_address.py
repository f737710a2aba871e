"""The address of a ClickHouse server, parsed from the URL of a setting.

The password is in no text of the address, so that logs and error messages may name the server.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

EXAMPLE = "clickhouse://user:password@host:8123/database"
_PLAIN, _SECURE = "clickhouse", "clickhouses"
_DEFAULT_PORTS = {_PLAIN: 8123, _SECURE: 8443}
_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """One server, spoken to over HTTP, or over HTTPS if `is_secure`."""

    host: str
    port: int
    database: str = _DEFAULT
    user: str = _DEFAULT
    password: str = field(default="", repr=False)
    is_secure: bool = False

    @classmethod
    def parse(cls, text: str) -> ServerAddress:
        """The address in a URL like EXAMPLE; `clickhouses://` is TLS. User, password and database
        are percent-encoded.

        Raises ValueError with a sentence that says what would be right, without the password.
        """
        url = _split(text)
        _reject_options(url)
        host, port = _host_and_port(url)
        database = unquote(url.path.removeprefix("/")) or _DEFAULT
        if "/" in url.path.removeprefix("/"):
            raise ValueError(f"The path of the URL is one database name, as in {EXAMPLE}")
        return cls(
            host,
            port,
            database,
            unquote(url.username or _DEFAULT),
            unquote(url.password or ""),
            url.scheme == _SECURE,
        )

    def __str__(self) -> str:
        """The server without its user and database, for messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def _split(text: str) -> SplitResult:
    try:
        url = urlsplit(text.strip())
    except ValueError as error:
        raise ValueError(f"The URL is not valid; a valid one is {EXAMPLE}") from error
    if url.scheme not in _DEFAULT_PORTS:
        schemes = "clickhouse:// or, with TLS, clickhouses://"
        raise ValueError(f"The URL of a ClickHouse server starts with {schemes}, as in {EXAMPLE}")
    return url


def _reject_options(url: SplitResult) -> None:
    names = [name for name, _ in parse_qsl(url.query, keep_blank_values=True)]
    if "cluster" in names:
        raise ValueError(
            "Clusters are not supported yet: name one ClickHouse server, without ?cluster="
        )
    if names or url.query or url.fragment:
        raise ValueError(f"The URL of a ClickHouse server has no options, as in {EXAMPLE}")


def _host_and_port(url: SplitResult) -> tuple[str, int]:
    if "," in url.netloc.rpartition("@")[2]:
        raise ValueError(
            "Name one host: several hosts need a cluster, and clusters are not supported yet"
        )
    try:
        port = url.port
    except ValueError as error:
        # urlsplit takes a reserved character in a password for the beginning of the next part.
        raise ValueError(
            "The port of the URL is a number from 1 to 65535; characters like / ? # @ : in a user "
            "or a password are percent-encoded"
        ) from error
    if not url.hostname or port == 0:
        raise ValueError(f"The URL names no host and port: a valid one is {EXAMPLE}")
    return url.hostname, port or _DEFAULT_PORTS[url.scheme]
