"""The address of a PostgreSQL database, parsed from the URL of a setting."""

from __future__ import annotations

from dataclasses import dataclass, field

from tocsin.model.url_parts import UrlParts

DRIVER = "postgresql+psycopg"
_SCHEMES = (DRIVER, "postgresql", "postgres")
REPEATED = ("host", "port")
"""The options that may be given several times, for servers that are tried in their order."""

_DEFAULT_PORT = 5432
_EXAMPLE = f"{DRIVER}://user:password@host:5432/database"


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """`options` are those of libpq, such as `sslmode`; a `host` may be the folder of a socket."""

    host: str | None
    port: int | None
    database: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> DatabaseAddress:
        """The address in a URL like `postgresql+psycopg://user:password@host:5432/database`, of
        which user, password and port may be left out; `postgresql://` means the same.

        Raises ValueError, whose message continues the name of the setting.
        """
        parts = UrlParts.parse(text, _SCHEMES, "a PostgreSQL database", _EXAMPLE)
        if parts.host is None and not any(name == "host" for name, _ in parts.options):
            raise ValueError(f"must name a host, such as {_EXAMPLE}")
        names = [name for name, _ in parts.options if name not in REPEATED]
        if len(set(names)) < len(names):
            raise ValueError("must have each option once; only host and port may be repeated")
        return cls(
            parts.host, parts.port, parts.database, parts.user, parts.password, parts.options
        )

    def __str__(self) -> str:
        """The server and the database without its user, for messages."""
        host = self.host or dict(self.options).get("host", "")
        return f"{host}:{self.port or _DEFAULT_PORT}/{self.database}"
