"""The table of ceilings says what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tocsin.config import Settings
from tocsin.model import ceilings
from tocsin.model.ceilings import CEILINGS, MIB, Ceiling

TABLE = Path(__file__).parents[2] / "docs" / "reference" / "ceilings.md"


def _shown(number: int) -> str:
    is_size = number >= MIB and number % MIB == 0
    return f"{number // MIB} MiB" if is_size else f"{number:,}"


def _row(ceiling: Ceiling) -> str:
    setting = f"`TOCSIN_{ceiling.setting.upper()}`" if ceiling.setting else ""
    gauge = f"`{ceiling.gauge}`" if ceiling.gauge else ""
    cells = (ceiling.what, _shown(ceiling.default), ceiling.answer, setting, gauge)
    return f"| {' | '.join(cells)} |"


def test_the_document_has_a_row_for_each_ceiling_and_no_other() -> None:
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("|")][2:]
    assert rows == [_row(ceiling) for ceiling in CEILINGS]


def test_the_table_has_each_number() -> None:
    names = {name for name, value in vars(ceilings).items() if isinstance(value, int)}
    numbers = {getattr(ceilings, name) for name in names - {"MIB", "SMALL_BODY_BYTES"}}
    assert numbers <= {ceiling.default for ceiling in CEILINGS}


@pytest.mark.parametrize("ceiling", [c for c in CEILINGS if c.setting], ids=lambda c: c.setting)
def test_a_setting_has_the_default_of_its_row(ceiling: Ceiling) -> None:
    assert ceiling.setting
    assert Settings.model_fields[ceiling.setting].default == ceiling.default


def test_each_gauge_is_measured(api: TestClient) -> None:
    measured = api.get("/metrics").text
    for ceiling in CEILINGS:
        if ceiling.gauge:
            assert f"# TYPE {ceiling.gauge} gauge" in measured
