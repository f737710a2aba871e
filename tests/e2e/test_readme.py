"""The README's examples, run in their order on a real server, and its table of settings."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from support.serving import Server
from tocsin.config import Settings

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"```bash\n(.*?)```\n\n```json\n(.*?)```", re.DOTALL)


def matches(documented: Any, answered: Any) -> bool:
    """Whether an answer is the documented one; "…" stands for anything."""
    if documented == "…":
        return True
    if isinstance(documented, dict) and isinstance(answered, dict):
        return documented.keys() == answered.keys() and all(
            matches(value, answered[name]) for name, value in documented.items()
        )
    if isinstance(documented, list) and isinstance(answered, list):
        return len(documented) == len(answered) and all(map(matches, documented, answered))
    return bool(documented == answered)


def test_every_example_answers_what_the_readme_says(server: Server) -> None:
    examples = EXAMPLE.findall(README)
    assert len(examples) >= 7
    script = "\n".join(f"{command}\necho; echo ---" for command, _ in examples)
    environment = {**os.environ, "URL": server.url, "KEY": server.admin_key}
    ran = subprocess.run(
        ["bash", "-euc", script], env=environment, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    answers = [json.loads(text) for text in ran.stdout.split("---\n") if text.strip()]
    for (command, documented), answer in zip(examples, answers, strict=True):
        assert matches(json.loads(documented), answer), f"{command}\nanswered {answer}"


def test_every_setting_is_in_the_table() -> None:
    rows = re.findall(r"^\| `(TOCSIN_[A-Z_]+)` \|", README, re.MULTILINE)
    assert sorted(rows) == sorted(f"TOCSIN_{name.upper()}" for name in Settings.model_fields)
