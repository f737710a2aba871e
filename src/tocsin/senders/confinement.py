"""What a child process may not do that runs what others wrote: run by the child itself, first.

An audit hook cannot be taken off again, and sees every connection that Python code makes in the
process, with the very address that it is made to.
"""

from __future__ import annotations

import resource
import sys
from typing import Any

from tocsin.senders.addresses import TargetRefused, is_public

_CONNECTING = {"socket.connect", "socket.sendto", "socket.sendmsg"}
_REFUSED = ("subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "syslog.", "pty.")
_READABLE = (sys.prefix, sys.base_prefix, "/etc/ssl/", "/etc/pki/", "/etc/mime.types", "/usr/")


class Refused(PermissionError):
    """A PermissionError, which libraries take for a connection that failed."""


def confine(*, memory: int, may_connect: bool, allow_private: bool = False) -> list[str]:
    """Limit this process to so many bytes, to reading its own installation and, if it may connect,
    to public addresses. Answers a list to which the reason of each refusal is added."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.dont_write_bytecode = True
    refusals: list[str] = []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _CONNECTING:
            reason = None if may_connect and _may_reach(arguments[1], allow_private) else _UNREACHED
        elif event == "open":
            reason = _reason_not_to_open(arguments[0], arguments[2])
        else:
            reason = f"{event} is refused here" if event.startswith(_REFUSED) else None
        if reason:
            refusals.append(reason)
            raise Refused(reason)

    sys.addaudithook(hook)
    return refusals


_UNREACHED = TargetRefused().detail
# O_WRONLY, O_RDWR, O_CREAT, O_TRUNC and O_APPEND.
_WRITING = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000


def _may_reach(address: Any, allow_private: bool) -> bool:
    is_internet = isinstance(address, tuple) and isinstance(address[0], str)
    return is_internet and (allow_private or is_public(address[0]))


def _reason_not_to_open(path: Any, flags: Any) -> str | None:
    if not isinstance(path, str | bytes):
        return None
    name = path.decode(errors="replace") if isinstance(path, bytes) else path
    if isinstance(flags, int) and flags & _WRITING:
        return f"Writing to {name} is refused here"
    return None if name.startswith(_READABLE) else f"Reading {name} is refused here"
