"""Runs the examples of the README and of other pages, each page in its order."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.serving import Server

ROOT = Path(__file__).parents[2]
EXAMPLE = re.compile(r"```bash\n(.*?)```\n\n```json\n(.*?)```", re.DOTALL)
PAGES = {
    "README.md": 3,
    "docs/tutorial/first-metric-and-alert.md": 9,
    "docs/how-to/send-notifications.md": 1,
}
"""The pages with examples, and the number of examples of each."""
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
    answers = run([command for command, _ in examples], server)
    for (command, documented), answer in zip(examples, answers, strict=True):
        assert matches(json.loads(documented), answer), f"{page}: {command}\nanswered {answer}"


def test_no_other_page_has_examples_that_are_not_run() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    with_examples = {
        str(page.relative_to(ROOT))
        for page in pages
        if "```bash\n" in page.read_text(encoding="utf-8")
    }
    assert with_examples == set(PAGES)
    assert sorted(page for pages in SERVERS for page in pages) == sorted(PAGES)


def run(commands: list[str], server: Server) -> list[Any]:
    """The JSON that each command prints, all of them run in one shell."""
    script = "\n".join(f"{command}\necho; echo ---" for command in commands)
    environment = {**os.environ, "URL": server.url, "KEY": server.admin_key}
    completed = subprocess.run(
        ["bash", "-euc", script], env=environment, capture_output=True, text=True, timeout=60
    )
    assert completed.returncode == 0, completed.stderr
    return [json.loads(text) for text in completed.stdout.split("---\n") if text.strip()]
