"""The address of a ClickHouse server or cluster, parsed from the URL of a setting.

The password is in no text of the address, so that logs and error messages may name the server.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from tocsin.model.url_parts import UrlParts

_PLAIN, _SECURE = "clickhouse", "clickhouses"
_KIND = "a ClickHouse server (clickhouses:// is for TLS)"
_EXAMPLE = "clickhouse://user:password@host:8123/database"
_DEFAULT_PORTS = {_PLAIN: 8123, _SECURE: 8443}
_DEFAULT = "default"
_HOSTS = re.compile(r"(\w+://(?:[^/?#]*@)?)([^/?#@]*)(/.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """One server, spoken to over HTTP, or over HTTPS if `is_secure`; or with `cluster`, this server
    and the `others`, which have the same database, user and password."""

    host: str
    port: int
    database: str = _DEFAULT
    user: str = _DEFAULT
    password: str = field(default="", repr=False)
    is_secure: bool = False
    cluster: str = ""
    others: tuple[tuple[str, int], ...] = ()

    @classmethod
    def parse(cls, text: str) -> ServerAddress:
        """The address in a URL like `clickhouse://user:password@host:8123/database`, of which user,
        password and port may be left out; `clickhouses://` is TLS. With `?cluster=name`, several
        hosts may be named, separated by commas.

        Raises ValueError, whose message continues the name of the setting.
        """
        first, *others = map(_parse_one, _one_by_one(text))
        address = replace(first, others=tuple((other.host, other.port) for other in others))
        if len(set(address.servers)) <= len(address.others):
            raise ValueError("must name each server of a cluster once")
        return address

    @property
    def servers(self) -> tuple[ServerAddress, ...]:
        """The address of each server, without the cluster."""
        return tuple(
            replace(self, host=host, port=port, cluster="", others=())
            for host, port in self._places
        )

    @property
    def label(self) -> str:
        """The kind and the place, for messages."""
        return f"ClickHouse cluster {self}" if self.cluster else f"ClickHouse server {self}"

    def __str__(self) -> str:
        """The servers without their user and database, for messages."""
        return ",".join(
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self._places
        )

    @property
    def _places(self) -> tuple[tuple[str, int], ...]:
        return ((self.host, self.port), *self.others)


def _one_by_one(text: str) -> list[str]:
    """The URL with each of its hosts; a list of hosts without a cluster is left to be rejected."""
    text = text.strip()
    parts = _HOSTS.fullmatch(text)
    if not parts or "?cluster=" not in parts[3]:
        return [text]
    return [f"{parts[1]}{host}{parts[3]}" for host in parts[2].split(",")]


def _parse_one(text: str) -> ServerAddress:
    parts = UrlParts.parse(text, _DEFAULT_PORTS, _KIND, _EXAMPLE)
    if parts.host is None:
        raise ValueError(f"must name a host, such as {_EXAMPLE}")
    options = dict(parts.options)
    cluster = options.pop("cluster", "")
    if options or len(parts.options) > 1:
        raise ValueError(f"must have no options but ?cluster=, such as {_EXAMPLE}")
    if parts.options and not cluster:
        raise ValueError("must name the cluster after ?cluster=, as system.clusters does")
    return ServerAddress(
        parts.host,
        parts.port or _DEFAULT_PORTS[parts.scheme],
        parts.database,
        parts.user or _DEFAULT,
        parts.password or "",
        parts.scheme == _SECURE,
        cluster,
    )
