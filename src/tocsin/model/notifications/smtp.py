"""The SMTP server that sends emails."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """The server that sends emails; the operator chooses it, so its address is not restricted.

    `smtp` is not encrypted; `smtp+starttls` is from STARTTLS on; `smtps` is from the start.
    """

    scheme: str
    host: str
    port: int
    user: str | None
    password: str | None
    sender: str

    @classmethod
    def parse(cls, url: str, sender: str) -> SmtpServer:
        """Parse a URL; the message of ValueError says how to correct it."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("must be smtp://, smtp+starttls:// or smtps:// and a host")
        if "@" not in parseaddr(sender)[1]:
            raise ValueError("needs TOCSIN_SMTP_FROM, the address that emails come from")
        user, password = (part and unquote(part) for part in (parts.username, parts.password))
        port = parts.port or _PORTS[parts.scheme]
        return cls(parts.scheme, parts.hostname, port, user, password, sender)
