"""A process that runs code of others may read its installation and connect, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PRELUDE = """
import ctypes, os, signal, socket, sqlite3, subprocess, sys, tempfile, threading, shutil, glob
from tocsin.notifications.senders.sandbox import confine
secret, folder = sys.argv[1:]
listener = socket.socket()
refusals = confine(memory=1 << 30, may_connect=True, allow_private=True)
libc = ctypes.pythonapi
"""


def attempt(tmp_path: Path, code: str) -> str:
    """The output of a confined process for a statement: `done`, or the error."""
    secret = tmp_path / "secret"
    secret.write_text("the secret", encoding="utf-8")
    body = f"{PRELUDE}\ntry:\n    {code}\nexcept Exception as e:\n    print(repr(e))\n"
    body += "else:\n    print('done')\n"
    command = [sys.executable, "-I", "-c", body, str(secret), str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert secret.read_text(encoding="utf-8") == "the secret"
    assert list(tmp_path.iterdir()) == [secret], "nothing was made, renamed or deleted"
    assert (secret.stat().st_mode & 0o777) == 0o644 & ~_umask()
    return ended.stdout.strip() or ended.stderr


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


ATTACKS = [
    "open(secret).read()",
    "open('/usr/..' + secret).read()",
    "open('/usr/share/..//../' + secret).read()",
    "open('/etc/ssl/../passwd').read()",
    "open('/etc/ssl/certs/../../passwd').read()",
    "open('/usr/../proc/%d/environ' % os.getppid()).read()",
    "open('/proc/self/environ').read()",
    "open('/usr/bin/env', 'rb').read(1)",
    "open(os.path.relpath(secret)).read()",
    "os.open(secret, os.O_RDONLY)",
    "os.listdir(folder)",
    "os.listdir('/usr/..' + folder)",
    "list(os.scandir(folder))",
    "print(glob.glob(folder + '/*')[0])",
    "open(secret, 'a').write('x')",
    "os.unlink(secret)",
    "os.rename(secret, secret + '2')",
    "os.replace(secret, secret + '2')",
    "os.link(secret, secret + '2')",
    "os.symlink(secret, secret + '2')",
    "os.chmod(secret, 0o777)",
    "os.truncate(secret, 0)",
    "os.utime(secret)",
    "os.mkdir(folder + '/made')",
    "os.mkfifo(folder + '/made')",
    "tempfile.mkstemp(dir=folder)",
    "shutil.rmtree(folder)",
    "sqlite3.connect(folder + '/store.sqlite')",
    "sqlite3.connect(':memory:')",
    "listener.listen()",
    "listener.bind(('127.0.0.1', 4711))",
    "socket.socket(socket.AF_UNIX).connect('/run/docker.sock')",
    "os.kill(os.getppid(), 0)",
    "signal.pthread_kill(threading.get_ident(), 0)",
    "os.fork()",
    "subprocess.run(['true'])",
    "os.system('true')",
    "os.posix_spawn('/bin/true', ['true'], {})",
    "ctypes.CDLL('libc.so.6')",
]


@pytest.mark.parametrize("code", ATTACKS)
def test_a_confined_process_is_refused(tmp_path: Path, code: str) -> None:
    output = attempt(tmp_path, code)
    assert "done" not in output
    assert any(
        word in output for word in ("SandboxViolation", "PermissionError", "refused here")
    ), output


@pytest.mark.parametrize(
    "code",
    [
        "assert libc.listen(listener.fileno(), 1) == -1",
        "assert libc.unlink(secret.encode()) == -1",
        "assert libc.rename(secret.encode(), (secret + '2').encode()) == -1",
        "assert libc.mkdir((folder + '/made').encode(), 0o700) == -1",
        "assert libc.chmod(secret.encode(), 0o777) == -1",
        "assert libc.open(secret.encode(), os.O_RDWR) == -1",
        "assert libc.open((secret + '2').encode(), os.O_CREAT | os.O_WRONLY, 0o600) == -1",
        "assert libc.kill(os.getppid(), 0) == -1",
        "assert libc.execv(b'/bin/true', None) == -1",
        "assert libc.prctl(39, 0, 0, 0, 0) == 1, 'it may gain privileges'",
    ],
)
def test_the_kernel_refuses_what_does_not_go_through_python(tmp_path: Path, code: str) -> None:
    assert in_c(tmp_path, code) == "done"


def in_c(tmp_path: Path, code: str) -> str:
    """As `attempt`, with the filter of the kernel only: as if nothing of Python could see it."""
    secret = tmp_path / "secret"
    secret.write_text("the secret", encoding="utf-8")
    body = PRELUDE.replace("sandbox import confine", "system_calls import refuse_system_calls")
    body = body.replace(
        "refusals = confine(memory=1 << 30, may_connect=True, allow_private=True)",
        "assert refuse_system_calls()",
    )
    command = [
        sys.executable,
        "-I",
        "-c",
        f"{body}\n{code}\nprint('done')",
        str(secret),
        str(tmp_path),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert list(tmp_path.iterdir()) == [secret]
    return ended.stdout.strip() or ended.stderr


@pytest.mark.parametrize(
    "code",
    [
        "import email.mime.text, zoneinfo; zoneinfo.ZoneInfo('Europe/Berlin')",
        "import certifi; open(certifi.where()).read()",
        "import ssl; ssl.create_default_context()",
        "assert socket.getaddrinfo('127.0.0.1', 80)",
        "t = threading.Thread(target=print); t.start(); t.join()",
        "import asyncio; asyncio.run(asyncio.sleep(0))",
        "import apprise; assert apprise.Apprise().add('tgram://123456789:abcdefg_hijklmnop/1')",
    ],
)
def test_a_confined_process_can_do_what_sending_takes(tmp_path: Path, code: str) -> None:
    assert attempt(tmp_path, code).endswith("done")
