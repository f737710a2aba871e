"""The address of a ClickHouse server, parsed from the URL of a setting.

The password is in no text of the address, so that logs and error messages may name the server.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tocsin.model.url_parts import UrlParts

_PLAIN, _SECURE = "clickhouse", "clickhouses"
_KIND = "a ClickHouse server (clickhouses:// is for TLS)"
_EXAMPLE = "clickhouse://user:password@host:8123/database"
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
        """The address in a URL like `clickhouse://user:password@host:8123/database`, of which user,
        password and port may be left out; `clickhouses://` is TLS.

        Raises ValueError, whose message continues the name of the setting.
        """
        parts = UrlParts.parse(text, _DEFAULT_PORTS, _KIND, _EXAMPLE)
        if parts.host is None:
            raise ValueError(f"must name a host, such as {_EXAMPLE}")
        if any(name == "cluster" for name, _ in parts.options):
            raise ValueError("must name one server without ?cluster=: clusters are not supported")
        if parts.options:
            raise ValueError(f"must have no options, such as {_EXAMPLE}")
        return cls(
            parts.host,
            parts.port or _DEFAULT_PORTS[parts.scheme],
            parts.database,
            parts.user or _DEFAULT,
            parts.password or "",
            parts.scheme == _SECURE,
        )

    def __str__(self) -> str:
        """The server without its user and database, for messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"
