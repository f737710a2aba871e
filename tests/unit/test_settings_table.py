"""The table of settings in README.md."""

from __future__ import annotations

import re
from pathlib import Path

from tocsin.config import Settings

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_lists_every_setting_once() -> None:
    table = README.read_text().split("\n## Settings\n")[1].split("\n## ")[0]
    first_cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("|")]
    listed = [name for cell in first_cells for name in re.findall(r"`TOCSIN_(\w+)`", cell)]
    assert sorted(listed) == sorted(name.upper() for name in Settings.model_fields)
