"""The text that servers show that are compatible with Slack but know no blocks."""

from __future__ import annotations

import pytest

from tocsin.model.notifications.content import Content
from tocsin.notifications.senders.slack import MAX_TEXT, body_of


def shown(title: str, body: str) -> str:
    message = body_of(Content(title).with_body(body), "https://chat.example/hook")
    return "\n".join(filter(None, (message["text"], message["attachments"][0]["text"])))


@pytest.mark.parametrize(
    ("title", "bold"),
    [
        ("Gone:\r\n0\n", "*Gone: 0*"),
        ("a\u2028b\u0085c\u0000d\u001be", "*a b c d e*"),
        ("*2*3* `rm` ~x~", "*∗2∗3∗ ˋrmˋ ∼x∼*"),
        ("_LOGIN_FAILED_ _", "*ˍLOGIN_FAILEDˍ ˍ*"),
        ("<!channel> & 1 > 0", "*&lt;!channel&gt; &amp; 1 &gt; 0*"),
    ],
)
def test_a_title_with_markup_or_line_breaks_is_one_bold_line(title: str, bold: str) -> None:
    assert shown(title, "*b*") == f"{bold}\n*b*"


def test_without_a_title_slack_gets_the_body_alone() -> None:
    assert shown(" \n", "b") == "b"


@pytest.mark.parametrize(("mark", "written"), [("&", "&amp;"), ("<", "&lt;"), ("😀", "😀")])
@pytest.mark.parametrize("shift", range(5))
def test_a_text_that_is_too_long_for_slack_is_cut_between_characters(
    mark: str, written: str, shift: int
) -> None:
    text = shown("x" * (1 + shift), mark * 19_999)
    units = len(text.encode("utf-16-le")) // 2
    assert units <= MAX_TEXT
    assert units > MAX_TEXT - 5
    assert text.endswith(written + "…")
    assert text.split("\n", 1)[1] == written * text.count(written) + "…"


def test_a_text_that_just_fits_into_slack_is_not_cut() -> None:
    text = shown("1", "&" * 6_999 + "b")
    assert text == "*1*\n" + "&amp;" * 6999 + "b"
    assert len(text) == MAX_TEXT
