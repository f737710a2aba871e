"""The Block Kit blocks of messages, held against the limits that Slack publishes."""

from __future__ import annotations

from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from support.slack_limits import check_blocks, length
from support.transitions import DETAILS, RECOVERY, TRANSITION, interaction
from tocsin.model.notifications.content import Content, Fact, Section, encodable
from tocsin.model.notifications.default_content import default_content
from tocsin.notifications.senders.slack import body_of
from tocsin.notifications.senders.slack_blocks import MAX_TOTAL, blocks_of

SLACK = "https://hooks.slack.com/services/T0/B0/x"
ALPHABET = st.sampled_from([*"a_*~`<>&|:!@#\n\r\t\0\x1b ", "\ud800", "\u2028", "😀", "é", "&amp;"])
SHORT = st.text(max_size=20) | st.lists(ALPHABET, max_size=20).map("".join)
REPEATED = st.tuples(SHORT, st.integers(1, 5_000)).map(lambda pair: (pair[0] * pair[1])[:5_000])
NASTY = SHORT | REPEATED
ADDRESSES = SHORT.map("https://a.example/".__add__) | NASTY.map("https://a.example/?".__add__)
TRANSITIONS = st.fixed_dictionaries(
    {"alertTitle": NASTY, "description": NASTY, "runbookUrl": ADDRESSES, "url": ADDRESSES,
     "labels": st.dictionaries(SHORT, SHORT, max_size=50),
     "dimensions": st.dictionaries(SHORT, st.none() | NASTY, max_size=11)},
    optional={"unit": SHORT, "metricName": NASTY},
).map(TRANSITION.__or__)  # fmt: skip
PAYLOADS = TRANSITIONS | st.dictionaries(SHORT, NASTY, max_size=80)


# A failure is not made smaller, which would take minutes.
@settings(deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(PAYLOADS, st.sampled_from(["METRIC_EVAL", "WEB"]), st.none() | NASTY, st.none() | NASTY)
def test_blocks_of_every_message_keep_the_limits_of_slack(
    payload: dict[str, Any], origin: str, title: str | None, body: str | None
) -> None:
    content = default_content(interaction(payload, origin))
    if title is not None:
        content = content.with_title(title.encode(errors="replace").decode())
    if body is not None:
        content = content.with_body(body.encode(errors="replace").decode()).with_note("(note)")
    blocks = blocks_of(content)
    check_blocks(blocks)
    assert sum(map(length, texts(blocks))) <= MAX_TOTAL + 100
    for url in (SLACK, "https://chat.example/hook"):
        assert body_of(content, url)["attachments"][0]["fallback"]


def texts(blocks: list[dict[str, Any]]) -> list[str]:
    return [
        text["text"]
        for block in blocks
        for text in (*block.get("fields", ()), *block.get("elements", ()), block.get("text"))
        if text
    ]


def test_a_transition_has_a_header_fields_small_labels_and_links() -> None:
    content = default_content(interaction({**TRANSITION, **DETAILS}))
    header, lead, fields, text, labels, links = blocks_of(content)
    assert header["text"]["text"] == "[critical] Failed logins: ZA"
    assert lead["text"]["text"] == "*Failed logins (5m): 42% (4 of 61)*"
    assert [field["text"] for field in fields["fields"]] == [
        "*Condition*\n&gt; 10%",
        "*Only when*\nLogins (5m): 61 (≥ 50)",
        "*interaction_country*\nZA",
        "*Since*\n2026-03-20 14:30:00 UTC",
    ]
    assert text["text"]["text"] == DETAILS["description"]
    assert labels["elements"][0]["text"] == "team: identity · service: login"
    runbook = "https://runbooks.example/logins?step=1&amp;of=2"
    assert links["text"]["text"] == f"<{DETAILS['url']}|Alert> · <{runbook}|Runbook>"


def test_the_colour_of_the_bar_is_that_of_the_severity_and_of_a_recovery() -> None:
    payloads = [
        {**TRANSITION, "severity": "critical"},
        {**TRANSITION, "severity": "warning"},
        {**TRANSITION, "severity": "info"},
        RECOVERY,
        {},
    ]
    contents = [default_content(interaction(payload)) for payload in payloads]
    colors = [body_of(content, SLACK)["attachments"][0]["color"] for content in contents]
    assert len(set(colors)) == len(payloads)


def test_slack_gets_the_blocks_alone_and_compatible_servers_the_text_as_well() -> None:
    content = default_content(interaction(TRANSITION))
    to_slack, to_another = (body_of(content, url) for url in (SLACK, "https://chat.example/hook"))
    assert set(to_slack) == {"attachments"}
    assert set(to_slack["attachments"][0]) == {"color", "fallback", "blocks"}
    assert to_another["text"] == "*[critical] Failed logins: ZA*"
    assert to_another["attachments"][0]["text"] == content.body.replace(">", "&gt;")
    assert to_another["attachments"][0]["blocks"] == to_slack["attachments"][0]["blocks"]


def test_the_fallback_for_notifications_is_the_title_and_the_first_line() -> None:
    (attachment,) = body_of(default_content(interaction(TRANSITION)), SLACK)["attachments"]
    assert attachment["fallback"] == "[critical] Failed logins: ZA – Failed logins (5m): 42"


def test_the_markup_of_a_template_is_kept_and_that_of_a_description_is_shown() -> None:
    template = Content("t").with_body("*bold* see https://a.example/_x_?a=1&b=2, <!channel>")
    assert blocks_of(template)[1]["text"]["text"] == (
        "*bold* see <https://a.example/_x_?a=1&amp;b=2>, &lt;!channel&gt;"
    )
    payload = {**TRANSITION, "description": "*bold* see https://a.example/_x_."}
    described = texts(blocks_of(default_content(interaction(payload))))
    assert "∗bold∗ see <https://a.example/_x_>." in described


def test_a_message_without_any_text_has_a_block() -> None:
    check_blocks(blocks_of(Content(" \n").with_body("")))


def test_a_message_that_is_too_long_keeps_its_links_and_states_that_it_was_shortened() -> None:
    payload = {**TRANSITION, **DETAILS, "description": "x" * 4_000,
               "dimensions": {f"d{n}": "y" * 3_000 for n in range(9)}}  # fmt: skip
    blocks = blocks_of(default_content(interaction(payload)))
    check_blocks(blocks)
    assert texts(blocks)[-2:] == [
        "… The message was shortened.",
        f"<{DETAILS['url']}|Alert> · <https://runbooks.example/logins?step=1&amp;of=2|Runbook>",
    ]


def test_a_section_with_a_heading_is_one_block() -> None:
    facts = (Fact("Condition", "> 10"), Fact("Since", "2026-03-20"))
    section = Section("ZA: *fired*", "Failed logins (5m): 42", facts)
    _header, block = blocks_of(Content("many", sections=(section,)))
    assert block["text"]["text"].splitlines() == [
        "*ZA: ∗fired∗*",
        "Failed logins (5m): 42",
        "Condition: &gt; 10 · Since: 2026-03-20",
    ]


@settings(deadline=None, max_examples=30, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(NASTY, NASTY, NASTY)
def test_sections_of_many_groups_keep_the_limits_of_slack(
    heading: str, lead: str, fact: str
) -> None:
    heading, lead, fact = (encodable(text) for text in (heading, lead, fact))
    section = Section(heading, lead, (Fact(fact, fact),))
    check_blocks(blocks_of(Content("many", sections=(section,) * 20)))
