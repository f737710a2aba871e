"""Rejects phrases that the style of this project forbids, in prose and in names.

Prose is docstrings, comments and texts of Python files, Markdown outside of code, templates,
scripts and configuration.

    python tools/check_words.py                    the whole repository, as `make lint` does
    python tools/check_words.py src/tocsin/api     the files below a path
"""

import argparse
import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SUFFIXES = {".py", ".md", ".html", ".js", ".css", ".yaml", ".yml", ".toml"}
NAMES = {"Makefile", "Dockerfile", "run"}
# These files quote the forbidden phrases.
EXEMPT = {"tools/check_words.py", "tests/unit/test_check_words.py"}

# (pattern, advice); patterns ignore case, and a space matches any white space.
PHRASES = [
    (r"whoever|whomever", "name the actor"),
    (r"so many|so long ago", "give the quantity, or say `this number`"),
    (r"at once", "say `immediately` or `concurrently`"),
    (r"told", "say `notified`, `informed`, `distinguished` or name the message"),
    (r"said", "say `given`, `stated` or name the value"),
    (r"stands|stood", "say `is`, `represents` or `replaces`"),
    (r"lies|lay in", "say `is` or `falls within`"),
    (r"(?:make|makes|making|made) up", "say `generated` or `invented`"),
]
# A sentence that begins with one of these makes a relative clause its subject. Case matters.
SENTENCE_STARTS = (r"What|Who", "begin with the subject, not with a relative clause")
VAGUE_NAMES = {"asked", "found", "lacking", "made", "one", "said", "some", "told", "wanted"}


def _compiled(pattern: str, flags: re.RegexFlag) -> re.Pattern[str]:
    spaced = pattern.replace(" ", r"\s+")
    return re.compile(rf"\b(?:{spaced})\b", flags)


_PATTERNS = [
    *((_compiled(pattern, re.IGNORECASE), advice) for pattern, advice in PHRASES),
    (_compiled(SENTENCE_STARTS[0], re.NOFLAG), SENTENCE_STARTS[1]),
]
_INLINE_CODE = re.compile(r"(`+)[^`]+\1")
_FENCED_CODE = re.compile(r"^( *)(```+|~~~+).*?^\1\2", re.MULTILINE | re.DOTALL)
_LINK_TARGET = re.compile(r"(?<=\])\([^)]*\)")


class Prose(NamedTuple):
    """A text and the line of the file at which it begins."""

    line: int
    text: str


class Finding(NamedTuple):
    path: str
    line: int
    phrase: str
    advice: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.phrase!r}: {self.advice}"


def findings_in(path: str, source: str) -> list[Finding]:
    """The findings in the file `path` with the content `source`, in the order of the lines."""
    if not path.endswith(".py"):
        text = _without_code(source) if path.endswith(".md") else source
        return list(_findings_in_prose(path, Prose(1, text)))
    tree = ast.parse(source)
    findings = [
        *(
            finding
            for prose in (*_comments(source), *_texts(tree))
            for finding in _findings_in_prose(path, prose)
        ),
        *_question_docstrings(path, tree),
        *_vague_names(path, tree),
    ]
    return sorted(findings, key=lambda finding: finding.line)


def _findings_in_prose(path: str, prose: Prose) -> Iterator[Finding]:
    text = _blank(_INLINE_CODE, prose.text)
    for pattern, advice in _PATTERNS:
        for match in pattern.finditer(text):
            line = prose.line + text.count("\n", 0, match.start())
            yield Finding(path, line, " ".join(match.group().split()), advice)


def _without_code(markdown: str) -> str:
    return _blank(_LINK_TARGET, _blank(_FENCED_CODE, markdown))


def _blank(pattern: re.Pattern[str], text: str) -> str:
    """`text` without the matches of `pattern`, but with their line breaks."""
    return pattern.sub(lambda match: " " + "\n" * match.group().count("\n"), text)


def _comments(source: str) -> Iterator[Prose]:
    """The comments; consecutive lines of one comment form one text."""
    first, lines = 0, list[str]()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        if lines and token.start[0] != first + len(lines):
            yield Prose(first, "\n".join(lines))
            lines = []
        first = first if lines else token.start[0]
        lines.append(token.string.lstrip("#"))
    if lines:
        yield Prose(first, "\n".join(lines))


def _texts(tree: ast.Module) -> Iterator[Prose]:
    """Docstrings, other strings that hold more than one word, and names of functions as words."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if " " in node.value:
                yield Prose(node.lineno, node.value)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Prose(node.lineno, node.name.replace("_", " "))


def _question_docstrings(path: str, tree: ast.Module) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        docstring = ast.get_docstring(node) or ""
        if docstring.endswith("?") or docstring.partition("\n")[0].endswith("?"):
            advice = "a docstring is a statement"
            yield Finding(path, node.body[0].lineno, docstring.partition("\n")[0], advice)


def _vague_names(path: str, tree: ast.Module) -> Iterator[Finding]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                pass
            case ast.arg(arg=name):
                pass
            case _:
                continue
        if name.lstrip("_") in VAGUE_NAMES:
            yield Finding(path, node.lineno, name, "name the content")


def _files() -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return sorted(
        path
        for path in listed.stdout.splitlines()
        if (Path(path).suffix in SUFFIXES or Path(path).name in NAMES)
        and path not in EXEMPT
        and (ROOT / path).exists()
    )


def _below(path: str, parents: list[Path]) -> bool:
    return any((ROOT / path).is_relative_to(parent.resolve()) for parent in parents)


def main() -> int:
    parser = argparse.ArgumentParser(description="Reject phrases that the style forbids.")
    parser.add_argument("paths", nargs="*", type=Path, default=[ROOT], help="check the files below")
    paths = parser.parse_args().paths
    findings = [
        finding
        for path in _files()
        if _below(path, paths)
        for finding in findings_in(path, (ROOT / path).read_text("utf-8"))
    ]
    print(*findings, f"{len(findings)} findings", sep="\n")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
