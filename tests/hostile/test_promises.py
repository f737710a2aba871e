"""Every test that docs/explanation/security.md names exists."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent.parent
DOCUMENT = TESTS.parent / "docs" / "explanation" / "security.md"


def test_every_test_that_the_security_document_names_is_there() -> None:
    named = re.findall(r"`(\w+/test_\w+\.py)::(test_\w+)`", DOCUMENT.read_text(encoding="utf-8"))
    assert len(named) > 40
    missing = [
        f"{file}::{test}"
        for file, test in named
        if not re.search(rf"^(?:async )?def {test}\(", read(file), re.MULTILINE)
    ]
    assert missing == []


def read(file: str) -> str:
    path = TESTS / file
    return path.read_text(encoding="utf-8") if path.exists() else ""
