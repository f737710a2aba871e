"""Tests of the word list that `make lint` applies."""

import pytest

from check_words import findings_in

PYTHON = '''
def test_the_caller_is_told():
    """Sends the rows
    at
    once."""
    # A comment that
    # stands for two lines.
    found = "lies", "`at once` is code", "it was said"
'''


def phrases(path: str, source: str) -> list[tuple[int, str]]:
    return [(finding.line, finding.phrase) for finding in findings_in(path, source)]


def test_docstrings_comments_texts_and_names_are_checked() -> None:
    assert phrases("a.py", PYTHON) == [
        (2, "told"),
        (4, "at once"),
        (7, "stands"),
        (8, "said"),
        (8, "found"),
    ]


@pytest.mark.parametrize("docstring", ["Is it full?", "Is it full?\n\n    It is."])
def test_a_docstring_is_no_question(docstring: str) -> None:
    assert phrases("a.py", f'"""{docstring}"""\n') == [(1, "Is it full?")]


def test_code_in_markdown_is_not_checked() -> None:
    text = "# Title\n\n```\nat once\n```\n`told` and [a link](what-stands.md).\nWhat is sent.\n"
    assert phrases("a.md", text) == [(7, "What")]


def test_a_word_inside_of_another_word_is_not_a_finding() -> None:
    assert phrases("a.md", "A standalone oneself, what-if retold untold.\n") == []
