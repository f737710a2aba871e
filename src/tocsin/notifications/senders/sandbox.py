"""Confines a child process that runs code of others; the child calls it first.

An audit hook cannot be removed, and sees every connection of Python code in the process with the
address that is connected to. It allows the events that sending needs and refuses every other one.
A seccomp filter of the kernel is the second layer.
"""

from __future__ import annotations

import os
import resource
import sys
import sysconfig
from typing import Any

from tocsin.notifications.senders.addresses import TargetRefused, is_public
from tocsin.notifications.senders.system_calls import refuse_system_calls

_CONNECTING = {"socket.connect", "socket.sendto", "socket.sendmsg"}
_LISTING = {"os.listdir", "os.scandir"}
_ALLOWED = {
    # The interpreter's own work.
    *("import", "compile", "exec", "marshal.loads", "marshal.load", "marshal.dumps"),
    *("code.__new__", "function.__new__", "array.__new__", "builtins.id", "sys._getframe"),
    *("object.__getattr__", "object.__setattr__", "object.__delattr__", "pickle.find_class"),
    *("sys.excepthook", "sys.unraisablehook", "os.putenv", "os.unsetenv"),
    *("sys.set_asyncgen_hook_firstiter", "sys.set_asyncgen_hook_finalizer"),
    *("_thread.start_new_thread", "_thread.start_joinable_thread", "time.sleep"),
    # Before a connection, which is checked itself.
    *("socket.__new__", "socket.gethostname", "socket.getaddrinfo", "socket.getnameinfo"),
    *("socket.gethostbyname", "socket.gethostbyaddr", "socket.getservbyname"),
    *("http.client.connect", "http.client.send", "urllib.Request"),
    *("smtplib.connect", "smtplib.send"),
}

_READABLE = (
    *{sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")},
    *("/usr/lib", "/usr/lib64", "/usr/share", "/usr/local/lib", "/usr/local/share"),
    *("/etc/ssl/certs", "/etc/pki/tls/certs", "/etc/pki/ca-trust", "/etc/ca-certificates"),
)
_READABLE_FOLDERS = tuple(os.path.realpath(folder) + os.sep for folder in _READABLE)
_READABLE_FILES = {"/etc/mime.types"}


class SandboxViolation(PermissionError):
    """A PermissionError, which libraries treat as a failed connection."""


def confine(*, memory: int, may_connect: bool, allow_private: bool = False) -> list[str]:
    """Limit this process to `memory` bytes, to reading its own installation and, if it may connect,
    to public addresses. Returns a list that later gets the reason of each refusal."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.dont_write_bytecode = True
    refuse_system_calls()
    refusals: list[str] = []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _ALLOWED:
            return
        if event in _CONNECTING:
            reason = None if may_connect and _may_reach(arguments[1], allow_private) else _UNREACHED
        else:
            reason = _reason_to_refuse(event, arguments)
        if reason:
            # An import lists every folder of its path, which is no failure of the sending.
            if event not in _LISTING:
                refusals.append(reason)
            raise SandboxViolation(reason)

    sys.addaudithook(hook)
    return refusals


_UNREACHED = TargetRefused().detail
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def _may_reach(address: Any, allow_private: bool) -> bool:
    is_internet = isinstance(address, tuple) and isinstance(address[0], str)
    return is_internet and (allow_private or is_public(address[0]))


def _reason_to_refuse(event: str, arguments: tuple[Any, ...]) -> str | None:
    if event == "open":
        return _reason_not_to_open(arguments[0], arguments[2])
    if event in _LISTING:
        return _reason_not_to_open(arguments[0] or ".", os.O_RDONLY)
    # `import ctypes` opens the program itself, and a test for IPv6 binds any free port.
    is_harmless = (event == "ctypes.dlopen" and arguments[0] is None) or (
        event == "socket.bind" and isinstance(arguments[1], tuple) and arguments[1][1] == 0
    )
    return None if is_harmless else f"{event} is refused here"


def _reason_not_to_open(path: Any, flags: Any) -> str | None:
    if not isinstance(path, str | bytes):
        return None
    name = path.decode(errors="replace") if isinstance(path, bytes) else path
    if isinstance(flags, int) and flags & _WRITING:
        return f"Writing to {name} is refused here"
    return None if _is_readable(os.path.realpath(name)) else f"Reading {name} is refused here"


def _is_readable(path: str) -> bool:
    return (path + os.sep).startswith(_READABLE_FOLDERS) or path in _READABLE_FILES
