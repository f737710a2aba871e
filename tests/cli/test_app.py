"""Every command has a help text, and reports errors in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.running import run_here, run_tocsin

COMMANDS = [
    "",
    "serve",
    "demo",
    "import",
    "metrics",
    "metrics list",
    "metrics calculate",
    "metrics apply",
    "metrics disable",
    "alerts enable",
    "keys",
    "keys create",
    "keys list",
    "keys revoke",
    "erase",
    "audit",
    "channels",
    "channels list",
    "channels test",
    "deliveries",
    "deliveries list",
    "deliveries retry",
]
NOBODY = "http://127.0.0.1:1"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    helped = run_here(*command.split(), "--help")
    assert helped.returncode == 0
    assert f"Example:  tocsin {command}".rstrip() in helped.stdout


def test_help_never_shows_a_key() -> None:
    helped = run_tocsin("keys", "list", "--help", environment={"TOCSIN_API_KEY": "tsn_secret"})
    assert "tsn_secret" not in helped.stdout


def test_help_loads_neither_the_engine_nor_the_http_client() -> None:
    code = (
        "import sys, contextlib, io\n"
        "from tocsin.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    main(['--help'])\n"
        "print({'httpx2', 'numpy', 'pydantic', 'chdb', 'uvicorn'} & set(sys.modules))\n"
    )
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("keys list", "No key is given"),
        (f"keys list --key k --url {NOBODY}", f"No server answers at {NOBODY} (Connection refused"),
        (f"metrics list --key k --url {NOBODY}", "No server answers"),
        (f"metrics calculate --key k --url {NOBODY}", "No server answers"),
        (f"import {__file__} --key k --url {NOBODY}", "No server answers"),
        ("keys list --key k --url nonsense", "nonsense is not the URL"),
        ("import no-such-file --key k", "There is no file no-such-file."),
        ("import - - --key k", "can be read only once"),
        (f"import {Path(__file__).parent} --key k", "is a folder"),
        ("metrics apply no-such-file --key k", "There is no file no-such-file."),
        (f"metrics apply {Path(__file__).parent} --key k", "Is a directory"),
    ],
)
def test_an_error_is_one_line(command: str, message: str) -> None:
    failed = run_here(*command.split())
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert failed.stderr.startswith("tocsin: ")
    assert failed.stderr.count("\n") == 1
    assert message in failed.stderr
