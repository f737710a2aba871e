"""Runs the examples of the README and of other pages, each page in its order."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.serving import Server

ROOT = Path(__file__).parents[2]
EXAMPLE = re.compile(r"```bash\n(.*?)```\n\n```(json|text)\n(.*?)```", re.DOTALL)
PAGES = {
    "README.md": 3,
    "docs/tutorial/first-metric-and-alert.md": 15,
    "docs/how-to/send-notifications.md": 1,
}
"""The pages with examples, and the number of examples of each."""
END = "--- end of the example"
SERVERS = [
    ["docs/tutorial/first-metric-and-alert.md"],
    ["README.md", "docs/how-to/send-notifications.md"],
]
"""The pages whose examples do not affect each other share a server, as starting one is slow."""


def matches(documented: Any, answered: Any) -> bool:
    """Whether an answer equals the documented one, in which "…" matches any value."""
    if documented == "…":
        return True
    if isinstance(documented, dict) and isinstance(answered, dict):
        return documented.keys() == answered.keys() and all(
            matches(value, answered[name]) for name, value in documented.items()
        )
    if isinstance(documented, list) and isinstance(answered, list):
        return len(documented) == len(answered) and all(map(matches, documented, answered))
    return bool(documented == answered)


def is_shown(documented: str, printed: str) -> bool:
    """Whether a text equals the documented one, in which "…" matches any text of a line, and a line
    of it any lines."""
    lines = [
        r"(?:.*\n)*" if line == "…" else ".*".join(map(re.escape, line.split("…"))) + " *\n"
        for line in documented.splitlines()
    ]
    return re.fullmatch("".join(lines), printed) is not None


@pytest.mark.parametrize("pages", SERVERS, ids=" ".join)
def test_every_example_answers_as_documented(pages: list[str], tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    server.start()
    try:
        for page in pages:
            check(page, server)
    finally:
        server.stop()


def check(page: str, server: Server) -> None:
    examples = EXAMPLE.findall((ROOT / page).read_text(encoding="utf-8"))
    assert len(examples) == PAGES[page]
    outputs = run([command for command, _, _ in examples], server)
    for (command, kind, documented), output in zip(examples, outputs, strict=True):
        is_equal = (
            is_shown(documented, output)
            if kind == "text"
            else matches(json.loads(documented), json.loads(output))
        )
        assert is_equal, f"{page}: {command}\nanswered {output}"


def test_no_other_page_has_examples_that_are_not_run() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    with_examples = {
        str(page.relative_to(ROOT))
        for page in pages
        if "```bash\n" in page.read_text(encoding="utf-8")
    }
    assert with_examples == set(PAGES)
    assert sorted(page for pages in SERVERS for page in pages) == sorted(PAGES)


def run(commands: list[str], server: Server) -> list[str]:
    """The output of each command, all of them run in one shell and in the folder of the server."""
    script = "\n".join(f"{command}\necho; echo {END}" for command in commands)
    environment = {
        **os.environ,
        "URL": server.url,
        "KEY": server.admin_key,
        "TOCSIN_URL": server.url,
        "TOCSIN_API_KEY": server.admin_key,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    completed = subprocess.run(
        ["bash", "-euc", script],
        env=environment,
        cwd=server.folder.parent,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert completed.returncode == 0, completed.stderr
    return [text.removesuffix("\n") for text in completed.stdout.split(f"{END}\n")][:-1]
