"""Checks that citations of documents, sections, decisions and tests, and links, have targets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from support.refusals import listed
from tocsin.config import Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
DECISIONS = DOCS / "decisions"
SOURCES = [
    path
    for folder in ("src", "tests", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in (".py", ".html", ".js", ".md", ".toml", ".yaml")
]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(DOCS.rglob("*.md")),
    *sorted((ROOT / "benchmarks").rglob("*.md")),
    *sorted((ROOT / "clients").rglob("*.md")),
]
MOVED = ("semantics", "api", "alerts", "engine", "configuration", "ceilings")

CITED = re.compile(r"\bdocs/(?:[\w-]+/)*[\w.-]+\.(?:md|png)\b")
BARE = re.compile(r'(?<![\w/."-])(?:' + "|".join(MOVED) + r")\.md\b")
SECTION = re.compile(r'"([A-Z][^"\n]*)"\s+(?:in|of)\s+(docs/[\w/.-]+\.md)')
CITED_TEST = re.compile(r"\btests?/(?:[\w-]+/)*test_\w+\.py\b")
DECISION = re.compile(r"\b[Dd]ecisions? (\d+)\b")
MODULE = re.compile(r"`((?:\w+/)*\w+\.(?:py|js))(?:::\w+)?`")
LINK = re.compile(r"(?<!\\)\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
STATUS = re.compile(r"\n\n- Status: (?:accepted|superseded).*\n- Date: \d{4}-\d\d-\d\d")
NAME = re.compile(r"(\d{4})-[a-z0-9-]+\.md")


def cited(pattern: re.Pattern[str]) -> Iterator[tuple[str, re.Match[str]]]:
    """Every match of a pattern, beside the place that it is in."""
    for path in {*SOURCES, *PAGES}:
        for match in pattern.finditer(path.read_text(encoding="utf-8")):
            if path.name != Path(__file__).name:
                yield str(path.relative_to(ROOT)), match


def test_every_cited_document_exists() -> None:
    missing = [f"{place}: {m[0]}" for place, m in cited(CITED) if not (ROOT / m[0]).exists()]
    assert missing == []


def test_documents_of_the_reference_are_cited_by_their_whole_path() -> None:
    in_code = [path for path in SOURCES if path.suffix != ".md" and path != Path(__file__)]
    bare = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in in_code
        for match in BARE.finditer(path.read_text(encoding="utf-8"))
    ]
    assert bare == []


def test_every_cited_section_exists() -> None:
    missing = [
        f"{place}: {match[0]}"
        for place, match in cited(SECTION)
        if match[1] not in headings(ROOT / match[2])
    ]
    assert missing == []


def test_every_cited_test_file_exists() -> None:
    missing = [f"{place}: {m[0]}" for place, m in cited(CITED_TEST) if not (ROOT / m[0]).exists()]
    assert missing == []


def test_every_cited_decision_exists() -> None:
    numbers = {int(path.name[:4]) for path in records()}
    missing = [f"{p}: {m[0]}" for p, m in cited(DECISION) if int(m[1]) not in numbers]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_has_a_target(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    broken = [link for link in LINK.findall(text) if not leads_somewhere(page, link)]
    assert broken == []


def leads_somewhere(page: Path, link: str) -> bool:
    if link.startswith(("https://", "http://", "mailto:")):
        return True
    name, _, anchor = unquote(link).partition("#")
    target = (page.parent / name).resolve() if name else page
    if not target.exists():
        return False
    return not anchor or anchor in {slug(heading) for heading in headings(target)}


def headings(page: Path) -> list[str]:
    return HEADING.findall(page.read_text(encoding="utf-8")) if page.is_file() else []


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_module_that_a_page_cites_exists() -> None:
    files = [f"/{path.relative_to(ROOT)}" for path in SOURCES]
    missing = [
        f"{page.relative_to(ROOT)}: {match[1]}"
        for page in DOCS.rglob("*.md")
        for match in MODULE.finditer(page.read_text(encoding="utf-8"))
        if not any(file.endswith(f"/{match[1]}") for file in files)
    ]
    assert missing == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200


@pytest.mark.parametrize("folder", ["tutorial", "how-to", "reference", "explanation"])
def test_the_index_lists_every_page(folder: str) -> None:
    linked = LINK.findall((DOCS / "README.md").read_text(encoding="utf-8"))
    pages = [f"{folder}/{page.name}" for page in sorted((DOCS / folder).glob("*.md"))]
    assert pages
    assert [page for page in pages if page not in linked] == []


def records() -> list[Path]:
    return sorted(path for path in DECISIONS.glob("*.md") if path.name != "README.md")


def test_the_index_of_decisions_lists_every_record() -> None:
    rows = re.findall(
        r"^\| \[(\d+)\]\(([\w.-]+)\) \| (.+?) \| .+ \| [\d-]+ \|$",
        (DECISIONS / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    titles = {path.name: headings(path)[0] for path in records()}
    assert {file: f"{number}. {title}" for number, file, title in rows} == titles
    assert len(rows) == len({number for number, _, _ in rows})


@pytest.mark.parametrize("record", records(), ids=lambda record: record.name)
def test_a_decision_has_a_status_a_date_and_four_sections(record: Path) -> None:
    named = NAME.fullmatch(record.name)
    text = record.read_text(encoding="utf-8")
    assert named
    assert text.startswith(f"# {int(named[1])}. ")
    assert STATUS.search(text)
    sections = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert sections == ["Context", "Decision", "Alternatives", "Consequences"]


def test_every_setting_is_in_the_reference_and_no_other() -> None:
    text = (DOCS / "reference" / "configuration.md").read_text(encoding="utf-8")
    table = text.split("## Settings", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| `(TOCSIN_[A-Z_]+)` \|", table, re.MULTILINE)
    assert sorted(rows) == sorted(f"TOCSIN_{name.upper()}" for name in Settings.model_fields)


def test_every_refusal_that_the_guide_for_servers_lists_is_a_message_of_the_code() -> None:
    code = " ".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    # A text may continue on the next line.
    joined = " ".join(re.sub(r'"\s*\n\s*f?"', "", code).split())
    assert len(listed()) > 15
    assert [sentence for _, sentence in listed() if sentence not in joined] == []
